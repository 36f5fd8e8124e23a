import type { EngineSession } from '../engine/engine.ts';
import type { FeedPrecedence } from './refresh-state.ts';
import { materialiseModel } from './session-models.ts';

/** What decides between reads of several feeds, and what their files call a meter. */
export interface RegisterFeed extends Pick<FeedPrecedence, 'feedId' | 'rank' | 'newestAlways'> {
    readonly identifies: 'meter' | 'meteringPoint';
}

/** Relations of a session. */
export interface RegisterInputs {
    /** In the shape of `register_versions`; those that count. */
    readonly versions: string;
    /** In the shape of the channel snapshot. */
    readonly channels: string;
    readonly feeds: readonly RegisterFeed[];
}

/**
 * Decides whose each register read is and which version of it wins, by the models that decide about intervals. Leaves the session's tables
 * `read_outcomes` (all versions) and `curated_reads`. Register reads are few, so they are decided when they are asked for, and are never
 * stale; nothing is published.
 */
export async function decideRegisterReads(session: EngineSession, inputs: RegisterInputs): Promise<void> {
    await session.registerRows(
        'read_feeds',
        [
            { name: 'feed_id', type: 'smallint' },
            { name: 'rank', type: 'integer' },
            { name: 'newest_always', type: 'integer' },
            { name: 'names_meters', type: 'integer' },
        ],
        inputs.feeds.map((f) => [f.feedId, f.rank, f.newestAlways ? 1 : 0, f.identifies === 'meter' ? 1 : 0]),
    );
    await materialiseModel(session, 'placed_reads', 'registers/placed_reads', {
        register_versions: inputs.versions,
        channels: inputs.channels,
        feed_naming: 'read_feeds',
    });
    // they are few: none takes the short way of what came once
    await session.materialise(
        'read_keys',
        'select channel_no, period_from from placed_reads group by channel_no, period_from',
    );
    await materialiseModel(session, 'contested_reads', 'curation/contested_versions', {
        job_versions: 'placed_reads',
        contested_keys: 'read_keys',
        feed_precedence: 'read_feeds',
    });
    await materialiseModel(session, 'read_outcomes', 'curation/version_outcomes', {
        contested_versions: 'contested_reads',
    });
    await materialiseModel(session, 'curated_reads', 'registers/curated_reads');
}
