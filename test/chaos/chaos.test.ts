// test limit: 600 s
import { holdSeeds } from './held-seeds.ts';

holdSeeds(1, 10);
