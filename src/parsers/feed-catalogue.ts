import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EDIT_FEED } from '../contracts/edit-feed.ts';
import type { FeedContract } from '../contracts/feed-contract.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { readContract } from './contract.ts';

/** A contract with the document that it was read from. */
export interface ContractFile {
    readonly file: string;
    readonly text: string;
    readonly contract: FeedContract;
}

const ENDING = '.odcs.yaml';
const SHIPPED_FOLDER = fileURLToPath(new URL('../../feeds/', import.meta.url));
const BUILT_IN_FOLDER = path.join(SHIPPED_FOLDER, 'built-in');

/** The contracts that come with gridtally, by feed. */
export function shippedContracts(): Map<string, ContractFile> {
    return contractsIn(SHIPPED_FOLDER);
}

/**
 * The contracts that a home may use, by feed: the shipped ones, and those in its folder `feeds`, which replace shipped ones of
 * the same name. Throws `feed.contract-invalid` or `yaml.invalid` with every fault of every file.
 */
export function homeContracts(homeFolder: string): Map<string, ContractFile> {
    const own = contractsIn(path.join(homeFolder, 'feeds'));
    const edits = own.get(EDIT_FEED);
    if (edits !== undefined) {
        const message = `The feed ${EDIT_FEED} is built in and cannot be replaced.`;
        const faults = [{ file: edits.file, field: 'name', message }];
        throw new GridtallyError('feed.contract-invalid', message, { faults });
    }
    return new Map([...shippedContracts(), ...own]);
}

/** One of `homeContracts`, or that of edits. Throws `feed.unknown`, naming those that there are. */
export function contractOf(feed: string, homeFolder: string): ContractFile {
    const builtIn = feed === EDIT_FEED ? contractsIn(BUILT_IN_FOLDER).get(feed) : undefined;
    if (builtIn !== undefined) return builtIn;
    const known = homeContracts(homeFolder);
    const found = known.get(feed);
    if (found !== undefined) return found;
    const names = [...known.keys()].sort().join(', ');
    throw new GridtallyError('feed.unknown', `There is no feed named ${feed}; there are ${names}.`);
}

function contractsIn(folder: string): Map<string, ContractFile> {
    const contracts = new Map<string, ContractFile>();
    if (!existsSync(folder)) return contracts;
    const faults: GridtallyError[] = [];
    for (const name of readdirSync(folder).sort()) {
        if (!name.endsWith(ENDING)) continue;
        const file = path.join(folder, name);
        try {
            addContract(contracts, file);
        } catch (error) {
            if (!(error instanceof GridtallyError)) throw error;
            faults.push(error);
        }
    }
    if (faults.length === 0) return contracts;
    const message = faults.map((fault) => fault.message).join(' ');
    throw new GridtallyError('feed.contract-invalid', message, {
        faults: faults.flatMap((fault) => fault.faults),
    });
}

function addContract(contracts: Map<string, ContractFile>, file: string): void {
    const text = readFileSync(file, 'utf8');
    const contract = readContract(text, file);
    const other = contracts.get(contract.feed);
    if (other !== undefined) {
        const message = `The feed ${contract.feed} has two contracts, ${path.basename(other.file)} and this one.`;
        throw new GridtallyError('feed.contract-invalid', message, {
            faults: [{ file, field: 'name', message }],
        });
    }
    contracts.set(contract.feed, { file, text, contract });
}
