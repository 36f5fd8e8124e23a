import type { FeedContract } from '../contracts/feed-contract.ts';
import type { Clock } from '../kernel/clock.ts';
import { GridtallyError } from '../kernel/errors.ts';
import type { Database, Transaction } from '../store/database.ts';
import { readContract } from './contract.ts';

/** A contract as the home knows it; `contractNo` counts the contents that the feed has had, from 1. */
export interface RegisteredContract {
    readonly feedId: number;
    readonly contractNo: number;
    readonly contract: FeedContract;
}

/**
 * Makes a contract the feed's current one. The same text as the current one changes nothing; any other gets the next number,
 * also a text that the feed had before. Throws `feed.contract-invalid` where the feed brought rows of another kind before: they are kept in
 * another table, and would be judged by what they are not.
 */
export async function registerContract(
    db: Database,
    contract: FeedContract,
    text: string,
    clock: Clock,
): Promise<RegisteredContract> {
    // nearly always nothing is to be changed, and every step of the chain asks
    const known = await numberedContract(db, contract.feed);
    if (known?.sha256 === contract.sha256) return registered(known, contract);
    return db.transaction(async (tx) => {
        const feedId = await lockFeed(tx, contract.feed);
        const current = await numberedContract(tx, contract.feed);
        if (current?.sha256 === contract.sha256) return registered(current, contract);
        refuseOtherKind((await currentContract(tx, contract.feed))?.contract, contract);
        const contractNo = (current?.contractNo ?? 0) + 1;
        await tx.query(
            `insert into feed_contracts (feed_id, contract_no, contract_version, content_sha256, content, known_from)
             values ($1, $2, $3, $4, $5, $6)`,
            [feedId, contractNo, contract.version, contract.sha256, text, new Date(clock.now())],
        );
        return { feedId, contractNo, contract };
    });
}

function refuseOtherKind(known: FeedContract | undefined, contract: FeedContract): void {
    if (known === undefined || known.kind === contract.kind) return;
    const { feed, kind } = contract;
    const message = `The feed ${feed} has a contract of kind ${known.kind}, and this one is of kind ${kind}.`;
    throw new GridtallyError('feed.contract-invalid', message, {
        remedy: 'A feed keeps its kind: give the other files a feed of another name.',
        faults: [{ field: 'kind', message: `is ${kind}, and was ${known.kind}` }],
    });
}

interface NumberedContract {
    readonly feedId: number;
    readonly contractNo: number;
    readonly sha256: string;
}

function registered({ feedId, contractNo }: NumberedContract, contract: FeedContract): RegisteredContract {
    return { feedId, contractNo, contract };
}

async function numberedContract(
    db: Pick<Transaction, 'query'>,
    feed: string,
): Promise<NumberedContract | undefined> {
    const [current] = await db.query<NumberedContract>(
        `select feed_id as "feedId", contract_no as "contractNo", content_sha256 as sha256
           from feeds join feed_contracts using (feed_id) where name = $1 order by contract_no desc limit 1`,
        [feed],
    );
    return current;
}

/** The contract that payloads of a feed are parsed by now; `undefined` where the home has never met the feed. */
export async function currentContract(
    db: Pick<Transaction, 'query'>,
    feed: string,
): Promise<RegisteredContract | undefined> {
    const [row] = await db.query<{ feedId: number; contractNo: number; content: string }>(
        `select feed_id as "feedId", contract_no as "contractNo", content from feeds join feed_contracts using (feed_id)
         where name = $1 order by contract_no desc limit 1`,
        [feed],
    );
    if (row === undefined) return undefined;
    return { feedId: row.feedId, contractNo: row.contractNo, contract: readContract(row.content, feed) };
}

/** The contract that a feed had under a number: what its payloads were parsed by then. Undefined where it never had one. */
export async function contractOfNumber(
    db: Pick<Transaction, 'query'>,
    feedId: number,
    contractNo: number,
): Promise<RegisteredContract | undefined> {
    const [row] = await db.query<{ name: string; content: string }>(
        `select name, content from feeds join feed_contracts using (feed_id) where feed_id = $1 and contract_no = $2`,
        [feedId, contractNo],
    );
    if (row === undefined) return undefined;
    return { feedId, contractNo, contract: readContract(row.content, row.name) };
}

/** Finds or makes the feed, and holds its row so that two registrations take turns. */
async function lockFeed(tx: Transaction, feed: string): Promise<number> {
    await tx.query('insert into feeds (name) values ($1) on conflict (name) do nothing', [feed]);
    const rows = await tx.query<{ feedId: number }>(
        'select feed_id as "feedId" from feeds where name = $1 for update',
        [feed],
    );
    const [{ feedId } = { feedId: 0 }] = rows;
    return feedId;
}
