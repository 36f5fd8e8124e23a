import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EDIT_FEED, REGISTER_EDIT_FEED } from '../contracts/edit-feed.ts';
import type { FeedContract } from '../contracts/feed-contract.ts';
import { assert, GridtallyError } from '../kernel/errors.ts';
import { readContract } from './contract.ts';

/** A contract with the document that it was read from. */
export interface ContractFile {
    readonly file: string;
    readonly text: string;
    readonly contract: FeedContract;
}

/** Contracts of a home, and the feeds whose contract file cannot be used, with what is wrong with it. */
export interface ContractCatalogue {
    readonly contracts: ReadonlyMap<string, ContractFile>;
    readonly refused: ReadonlyMap<string, GridtallyError>;
}

const ENDING = '.odcs.yaml';
const SHIPPED_FOLDER = fileURLToPath(new URL('../../feeds/', import.meta.url));
const BUILT_IN_FOLDER = path.join(SHIPPED_FOLDER, 'built-in');

/** The contracts that come with gridtally, by feed; listed once, because every step of the chain asks for them. */
export function shippedContracts(): ReadonlyMap<string, ContractFile> {
    shipped ??= soundContractsIn(SHIPPED_FOLDER);
    return shipped;
}

let shipped: ReadonlyMap<string, ContractFile> | undefined;
let builtIn: ReadonlyMap<string, ContractFile> | undefined;

/** Contracts of which each is known to be sound, and which few commands need all of: one is read when it is first asked for. */
function soundContractsIn(folder: string): ReadonlyMap<string, ContractFile> {
    const files = new Map<string, ContractFile>();
    for (const { file, text } of documentsIn(folder)) {
        const feed = feedNamed(text);
        assert(feed !== undefined, `${file} names its feed`);
        files.set(feed, {
            file,
            text,
            get contract() {
                return contractIn(text, file);
            },
        });
    }
    return files;
}

/**
 * The contracts that a home may use, by feed: the shipped ones, and those in its folder `feeds`, which replace shipped ones of
 * the same name. A file that cannot be used stands for its feed alone: the others go on, and nothing is read by the shipped
 * contract that the file replaces.
 */
export function homeContracts(homeFolder: string): ContractCatalogue {
    const { contracts: own, refused: faulty } = contractsIn(path.join(homeFolder, 'feeds'));
    const refused = new Map(faulty);
    for (const feed of [EDIT_FEED, REGISTER_EDIT_FEED]) {
        const edits = own.get(feed);
        if (edits !== undefined) refused.set(feed, builtInFeed(feed, edits.file));
    }
    const contracts = new Map([...shippedContracts(), ...own]);
    for (const feed of refused.keys()) contracts.delete(feed);
    return { contracts, refused };
}

function builtInFeed(feed: string, file: string): GridtallyError {
    const message = `The feed ${feed} is built in and cannot be replaced.`;
    return new GridtallyError('feed.contract-invalid', message, {
        faults: [{ file, field: 'name', message }],
    });
}

/**
 * One of `homeContracts`, or that of edits. Throws `feed.unknown`, naming those that there are, and `feed.contract-invalid` or
 * `yaml.invalid` with every fault of the feed's file.
 */
export function contractOf(feed: string, { contracts, refused }: ContractCatalogue): ContractFile {
    builtIn ??= soundContractsIn(BUILT_IN_FOLDER);
    const ours = builtIn.get(feed);
    if (ours !== undefined) return ours;
    const refusal = refused.get(feed);
    if (refusal !== undefined) throw refusal;
    const found = contracts.get(feed);
    if (found !== undefined) return found;
    const names = [...contracts.keys()].sort().join(', ');
    const others = [...refused.keys()].sort().join(', ');
    throw new GridtallyError(
        'feed.unknown',
        `There is no feed named ${feed}; there are ${names}${others === '' ? '' : `, and with a faulty contract ${others}`}.`,
    );
}

function contractsIn(folder: string): ContractCatalogue {
    const contracts = new Map<string, ContractFile>();
    const refused = new Map<string, GridtallyError>();
    const refuse = (feed: string, error: GridtallyError) =>
        refused.set(feed, joined(refused.get(feed), error));
    for (const { file, text } of documentsIn(folder)) {
        try {
            const contract = contractIn(text, file);
            const other = contracts.get(contract.feed);
            if (other === undefined) contracts.set(contract.feed, { file, text, contract });
            else refuse(contract.feed, twoContracts(contract.feed, other.file, file));
        } catch (error) {
            if (!(error instanceof GridtallyError)) throw error;
            refuse(feedNamed(text) ?? path.basename(file, ENDING), error);
        }
    }
    for (const feed of refused.keys()) contracts.delete(feed);
    return { contracts, refused };
}

/** By file, the text that was read last and what it says: each step of the chain asks for all contracts, of which few change. */
const read = new Map<string, { readonly text: string; readonly contract: FeedContract }>();

function contractIn(text: string, file: string): FeedContract {
    const known = read.get(file);
    if (known?.text === text) return known.contract;
    const contract = readContract(text, file);
    read.set(file, { text, contract });
    return contract;
}

function documentsIn(folder: string): { file: string; text: string }[] {
    const names = existsSync(folder) ? readdirSync(folder).sort() : [];
    const files = names.filter((name) => name.endsWith(ENDING)).map((name) => path.join(folder, name));
    return files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
}

/** The name that a document gives its feed, also where it is no YAML. */
function feedNamed(text: string): string | undefined {
    return /^name:\s*["']?([a-z][\w-]*)/m.exec(text)?.[1];
}

function twoContracts(feed: string, first: string, second: string): GridtallyError {
    const message = `The feed ${feed} has two contracts, ${path.basename(first)} and ${path.basename(second)}.`;
    return new GridtallyError('feed.contract-invalid', message, {
        remedy: 'Remove one of them, or give it another name.',
        faults: [first, second].map((file) => ({ file, field: 'name', message: `names the feed ${feed}` })),
    });
}

function joined(before: GridtallyError | undefined, error: GridtallyError): GridtallyError {
    if (before === undefined) return error;
    return new GridtallyError('feed.contract-invalid', `${before.message} ${error.message}`, {
        faults: [...before.faults, ...error.faults],
    });
}
