import { EDIT_RANK } from '../contracts/edit-feed.ts';
import type { DecidedVersion } from '../lake/version-history.ts';

/** How a feed is known to people, and where it stands. */
export interface FeedStanding {
    readonly feed: string;
    readonly rank: number;
    readonly newestAlways: boolean;
}

/** Why a version won or lost; the words follow in `why`. */
export type ReasonCode =
    | 'only'
    | 'won'
    | 'rejected'
    | 'duplicate'
    | 'precedence'
    | 'edited'
    | 'edit-withdrawn'
    | 'withdraws-edit'
    | 'measured-over-estimated'
    | 'newer-stamp'
    | 'later-receipt'
    | 'content'
    | 'outside-validity';

export interface VersionReason {
    readonly code: ReasonCode;
    readonly why: string;
}

/** What one version lost to another by, in the order of the comparator of `version_outcomes`. */
interface Comparison {
    readonly code: ReasonCode;
    /** Of the one that won. */
    readonly won: string;
    /** Of the one that lost. */
    readonly lost: string;
}

/**
 * Says why each version of one interval won or lost. It decides nothing: outcomes and places are those of the models, and this finds the
 * first step of the comparator in which two versions differ.
 */
export function explainVersions(
    versions: readonly DecidedVersion[],
    standing: (feedId: number) => FeedStanding,
): VersionReason[] {
    const inside = versions.filter(({ placeNo }) => placeNo !== null);
    const winner = inside.find(({ placeNo }) => placeNo === 1);
    const rankOf = (version: DecidedVersion) => effectiveRank(version, inside, standing);
    return versions.map((version) => {
        if (winner === undefined || version.placeNo === null) {
            const why = 'begins outside the validity of its channel: it counts with another one, or waits';
            return { code: 'outside-validity', why };
        }
        if (version === winner && winner.outcome === 'rejected') {
            const why = `goes before the others and fails ${winner.failedRules.join(' and ')}: it does not count as measured, so the interval is missing`;
            return { code: 'rejected', why };
        }
        if (version === winner) return reasonOfWinner(winner, inside, rankOf, standing);
        if (version.outcome === 'duplicate' || version.outcome === 'duplicate_of_superseded')
            return reasonOfDuplicate(version, inside);
        const retracting = editReason(version, inside, standing);
        if (retracting !== undefined) return retracting;
        // receipt puts in order within a feed; between feeds only the best of each competes
        const best = inside.find(({ feedId }) => feedId === version.feedId) ?? winner;
        const against = best === version || rankOf(winner) !== rankOf(version) ? winner : best;
        const { code, lost } = compare(against, version, rankOf, standing);
        const to = `${versionName(against, standing)}`;
        return { code, why: `superseded by ${to}: ${lost}` };
    });
}

/** Rank as `version_outcomes` has it: a withdrawn edit, and what withdrew it, stand below everything. */
function effectiveRank(
    version: DecidedVersion,
    all: readonly DecidedVersion[],
    standing: (feedId: number) => FeedStanding,
): number {
    const { rank } = standing(version.feedId);
    if (rank < EDIT_RANK) return rank;
    if (isRetraction(version, rank)) return -1;
    return retractionOf(version, all, standing) === undefined ? rank : -2;
}

function isRetraction(version: DecidedVersion, rank: number): boolean {
    return rank >= EDIT_RANK && version.quality === 'withdrawn';
}

function retractionOf(
    version: DecidedVersion,
    all: readonly DecidedVersion[],
    standing: (feedId: number) => FeedStanding,
): DecidedVersion | undefined {
    return all.find(
        (other) =>
            other.feedId === version.feedId &&
            other.versionStamp === version.versionStamp &&
            isRetraction(other, standing(other.feedId).rank),
    );
}

function editReason(
    version: DecidedVersion,
    all: readonly DecidedVersion[],
    standing: (feedId: number) => FeedStanding,
): VersionReason | undefined {
    const { rank } = standing(version.feedId);
    if (rank < EDIT_RANK) return undefined;
    if (isRetraction(version, rank))
        return { code: 'withdraws-edit', why: `takes back edit ${version.versionStamp}` };
    const by = retractionOf(version, all, standing);
    if (by === undefined) return undefined;
    return { code: 'edit-withdrawn', why: `the edit was withdrawn by receipt r${by.sequence}` };
}

function reasonOfWinner(
    winner: DecidedVersion,
    all: readonly DecidedVersion[],
    rankOf: (version: DecidedVersion) => number,
    standing: (feedId: number) => FeedStanding,
): VersionReason {
    const result = winner.kwh === null ? 'won, so the interval is missing' : 'won';
    const others = all.filter(({ outcome }) => outcome === 'superseded');
    const first = others[0];
    const retracting = editReason(winner, all, standing);
    if (retracting !== undefined)
        return { ...retracting, why: `${retracting.why}; nothing else was received` };
    if (first === undefined) return { code: 'only', why: `${result}: the only version` };
    const { code, won } = compare(winner, first, rankOf, standing);
    return { code: code === 'content' ? 'content' : 'won', why: `${result}: ${won}` };
}

function reasonOfDuplicate(version: DecidedVersion, all: readonly DecidedVersion[]): VersionReason {
    const first = all.find(
        (other) =>
            other !== version &&
            other.feedId === version.feedId &&
            other.kwh === version.kwh &&
            other.quality === version.quality &&
            other.versionStamp === version.versionStamp &&
            !other.outcome.startsWith('duplicate'),
    );
    const of = first === undefined ? 'an earlier version' : `receipt r${first.sequence}`;
    const note = version.outcome === 'duplicate' ? '' : ', which is superseded';
    return { code: 'duplicate', why: `duplicate of ${of}${note}` };
}

/** The first step of the comparator in which the two differ. */
function compare(
    winner: DecidedVersion,
    loser: DecidedVersion,
    rankOf: (version: DecidedVersion) => number,
    standing: (feedId: number) => FeedStanding,
): Comparison {
    const a = rankOf(winner);
    const b = rankOf(loser);
    if (a !== b) return byRank(a, b, standing(winner.feedId).feed, standing(loser.feedId).feed);
    const isEstimate = ({ quality, feedId }: DecidedVersion) =>
        quality === 'estimated' && !standing(feedId).newestAlways;
    if (isEstimate(winner) !== isEstimate(loser)) {
        const won = `${winner.quality} goes before estimated`;
        return { code: 'measured-over-estimated', won, lost: won };
    }
    if (winner.versionStamp !== loser.versionStamp) return byStamp(winner, loser);
    if (winner.feedId === loser.feedId && winner.versionStamp === null) return byReceipt(winner, loser);
    const words = 'equal in rank, class and stamp, so that the content decided (conflict)';
    return { code: 'content', won: words, lost: words };
}

function byRank(a: number, b: number, feed: string, other: string): Comparison {
    if (a >= EDIT_RANK) return { code: 'edited', won: 'edited by a person', lost: 'edited by a person' };
    const words = `feed ${feed} (rank ${a}) goes before ${other} (rank ${b})`;
    return b < 0
        ? { code: 'edit-withdrawn', won: 'the edit of it was withdrawn', lost: 'the edit was withdrawn' }
        : { code: 'precedence', won: words, lost: words };
}

function byStamp(winner: DecidedVersion, loser: DecidedVersion): Comparison {
    const newer = winner.versionStamp ?? 'none';
    const older = loser.versionStamp ?? 'none';
    return {
        code: 'newer-stamp',
        won: `newer stamp (${newer} after ${older})`,
        lost: `older stamp (${older} before ${newer})`,
    };
}

function byReceipt(winner: DecidedVersion, loser: DecidedVersion): Comparison {
    if (winner.sequence === loser.sequence)
        return {
            code: 'later-receipt',
            won: 'later line of the same file',
            lost: 'earlier line of the same file',
        };
    return { code: 'later-receipt', won: 'received later', lost: 'received earlier' };
}

function versionName(version: DecidedVersion, standing: (feedId: number) => FeedStanding): string {
    const value = version.kwh === null ? version.quality : `${version.kwh} kWh`;
    return `${value} of ${standing(version.feedId).feed}, receipt r${version.sequence}`;
}
