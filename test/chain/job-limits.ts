import type { Chain } from '../../src/pipeline/chain.ts';

/** The chain as it is where a job holds at most so many partitions. */
export function withJobsOf(chain: Chain, maxPartitions: number, jobsAtOnce?: number): Chain {
    const { bulkEngine: engine } = chain.lake;
    const limits: Record<string | symbol, unknown> = {
        jobLimits: {
            maxRows: 1_000_000,
            maxPartitions,
            maxRowsHeld: 1_000_000,
            maxRowsTakenOver: 0,
            holdsSmallSteps: true,
        },
        jobsAtOnce: jobsAtOnce ?? engine.jobsAtOnce,
    };
    const bulkEngine = new Proxy(engine, {
        get: (of, name) => limits[name] ?? Reflect.get(of, name),
    });
    return { ...chain, lake: { ...chain.lake, bulkEngine } };
}
