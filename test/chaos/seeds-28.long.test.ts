// test limit: 900 s
import { holdSeeds } from './held-seeds.ts';

holdSeeds(28, 17);
