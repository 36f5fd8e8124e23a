/** Where a run of scenarios on a server keeps its address; without it homes of tests use the engine in the process. */
export const SCENARIO_ENGINE = 'GRIDTALLY_TEST_ENGINE';
