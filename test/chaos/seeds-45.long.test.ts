// test limit: 900 s
// first of the long ones
import { holdSeeds } from './held-seeds.ts';

holdSeeds(45, 16);
