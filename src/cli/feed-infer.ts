import { createReadStream, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { decompressed } from '../kernel/compression.ts';
import { count, counted } from '../kernel/counted.ts';
import { writeFileDurably } from '../kernel/durable.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { type Draft, draftContract } from '../parsers/draft/draft-contract.ts';
import { zone } from './command-context.ts';
import { openOutput, wrapped } from './output.ts';

interface InferOptions {
    readonly name?: string;
    readonly zone?: string;
    readonly out?: string;
    readonly json?: boolean;
}

/** Needs no home: a contract is often drafted before there is one. */
export function addFeedInferCommand(feed: Command): void {
    feed.command('infer <file>')
        .description('draft a contract from a sample, with every guess marked')
        .option('--name <name>', 'name of the feed; else made from that of the file')
        .option('--zone <iana>', 'zone of the meters, where it is known', zone)
        .option('--out <file>', 'write the contract to a new file instead of stdout')
        .option('--json', 'print one JSON document')
        .action(inferFeed);
}

async function inferFeed(file: string, options: InferOptions): Promise<void> {
    const output = openOutput(options.json === true);
    if (!existsSync(file)) throw new GridtallyError('usage.invalid', `no such file: ${file}`);
    if (!statSync(file).isFile()) {
        throw new GridtallyError('usage.invalid', `${file} is no file; feed infer reads one file at a time`);
    }
    const bytes = createReadStream(file);
    let draft: Draft;
    try {
        draft = await draftContract(decompressed(bytes), {
            file: path.basename(file),
            ...(options.name === undefined ? {} : { name: options.name }),
            ...(options.zone === undefined ? {} : { zone: options.zone }),
        });
    } finally {
        bytes.destroy();
    }
    if (options.out !== undefined) await writeNew(options.out, draft.contract);
    const { contract, ...rest } = draft;
    output.result(
        { contract, ...rest, ...(options.out === undefined ? {} : { out: options.out }) },
        options.out === undefined ? contract.trimEnd() : `wrote ${options.out}`,
    );
    for (const line of summary(file, draft, options.out)) output.notice(line);
}

async function writeNew(out: string, text: string): Promise<void> {
    if (!existsSync(path.dirname(out))) {
        throw new GridtallyError('usage.invalid', `there is no folder ${path.dirname(out)} for --out`);
    }
    if (existsSync(out)) {
        throw new GridtallyError('usage.invalid', `${out} is there already`, {
            remedy: 'Name another file with --out, or remove the one that is there.',
        });
    }
    await writeFileDurably(out, text, { replace: false });
}

/** What is least sure, what a person has to answer, and the way on to a check. */
function summary(file: string, draft: Draft, out: string | undefined): string[] {
    const { feed, guesses, questions, rows, isWhole } = draft;
    const unsure = guesses.filter(({ certainty }) => certainty === 'unsure');
    const contractFile = `${feed}.odcs.yaml`;
    const place = `HOME/feeds/${contractFile}`;
    const isThere =
        out !== undefined && path.resolve(out).endsWith(path.join(path.sep, 'feeds', contractFile));
    return [
        `${path.basename(file)}: ${counted(rows, 'row')} read${isWhole ? '' : ', and the file goes on'}; ${count(guesses.length)} ${guesses.length === 1 ? 'guess' : 'guesses'}, of which ${unsure.length} unsure; ${counted(questions.length, 'question')}`,
        ...unsure.flatMap(({ field, value, alternatives }) => {
            const others = alternatives.length > 0 ? `; else ${alternatives.join(', ')}` : '';
            return wrapped(`  unsure: ${field}: ${valueText(value)}${others}`);
        }),
        ...questions.flatMap(({ field, question }) => wrapped(`  question: ${field}: ${question}`)),
        `next: settle these${isThere ? '' : `, put the contract into ${place},`} and see how the file would be read:`,
        `  gridtally feed check ${shellWord(file)} --feed ${feed} --home HOME`,
    ];
}

function valueText(value: unknown): string {
    return typeof value === 'string' ? value : JSON.stringify(value);
}

/** As a shell takes it for one word. */
function shellWord(text: string): string {
    return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
