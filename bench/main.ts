import { benchChain } from './chain.ts';
import { benchCorrection, correctionText } from './correction.ts';
import { benchDrafts, draftsText } from './drafts.ts';
import { benchEstimates, estimatesText } from './estimates.ts';
import { benchLate, lateText } from './late.ts';
import { benchLoad } from './load.ts';
import { machineText } from './machine.ts';
import { benchMarket, marketText } from './market.ts';
import { benchSeam, seamText } from './seam.ts';
import { benchSpark, sparkText } from './spark.ts';
import { benchValidation, validationText } from './validation.ts';

const USAGE = `npm run bench -- chain  [--meters N] [--runs K] [--json]   readings of a day, from bytes to rollups
npm run bench -- drafts [--customers N] [--runs K] [--json]  bills of a month from curated readings
npm run bench -- correction [--meters N] [--json]          a day of 100 meters corrected in a large home
npm run bench -- estimates [--homes N] [--json]            how far estimates are off on real homes with hidden values
npm run bench -- late   [--meters N] [--days D] [--json]   a month's late corrections, and numbers traced to their bytes
npm run bench -- load   [--rows N] [--json]                master data, each kind from one file
npm run bench -- market [--channels N] [--workers W] [--bucket B] [--threads T] [--memory-mb M] [--no-alone] [--json]
                                                           a market's day through many workers
npm run bench -- seam   [--meters N] [--json]                what the seam adds to the engine's own time
npm run bench -- spark  [--meters N] [--json]                curation and rollups on a Spark server of this machine
npm run bench -- validation [--meters N] [--runs K] [--json]  what the rules of validation add to curation, by rule
Add --quick for a size that runs in seconds.`;

/** What was asked for on the command line. */
interface Asked {
    readonly isJson: boolean;
    readonly isQuick: boolean;
    isNamed(option: string): boolean;
    /** The whole number after an option. */
    number(option: string, otherwise: number): number;
}

/** Runs one benchmark and prints its report. */
type Benchmark = (asked: Asked) => Promise<unknown>;

function reported<T>(
    name: string,
    run: (asked: Asked) => Promise<T>,
    text: (result: T) => string,
): Benchmark {
    return async (asked) => {
        const result = await run(asked);
        process.stdout.write(
            asked.isJson ? `${JSON.stringify({ [name]: result }, null, 2)}\n` : text(result),
        );
    };
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
    chain: ({ number, isQuick, isJson }) =>
        benchChain({
            meters: number('--meters', isQuick ? 5000 : 200_000),
            runs: number('--runs', 1),
            isJson,
        }),
    drafts: reported(
        'drafts',
        ({ number, isQuick }) =>
            benchDrafts(
                { customers: number('--customers', isQuick ? 500 : 20_000), days: 31 },
                number('--runs', 1),
            ),
        draftsText,
    ),
    correction: reported(
        'correction',
        ({ number, isQuick }) => benchCorrection(number('--meters', isQuick ? 2000 : 200_000)),
        correctionText,
    ),
    estimates: reported(
        'estimates',
        ({ number, isQuick }) => benchEstimates(number('--homes', isQuick ? 2 : 30)),
        estimatesText,
    ),
    late: reported(
        'late',
        ({ number, isQuick }) =>
            benchLate(number('--meters', isQuick ? 200 : 20_000), number('--days', isQuick ? 5 : 31)),
        lateText,
    ),
    load: ({ number, isQuick, isJson }) => benchLoad(number('--rows', isQuick ? 5000 : 200_000), isJson),
    market: reported('market', benchMarketAsked, marketText),
    seam: reported(
        'seam',
        ({ number, isQuick }) => benchSeam(number('--meters', isQuick ? 5000 : 200_000)),
        seamText,
    ),
    spark: reported(
        'spark',
        ({ number, isQuick }) => benchSpark(number('--meters', isQuick ? 5000 : 200_000)),
        sparkText,
    ),
    validation: reported(
        'validation',
        ({ number, isQuick }) =>
            benchValidation(number('--meters', isQuick ? 200 : 2000), number('--runs', 2)),
        validationText,
    ),
};

function benchMarketAsked({ number, isQuick, isNamed }: Asked) {
    const channels = number('--channels', isQuick ? 4000 : 100_000);
    const workers = number('--workers', isQuick ? 2 : 4);
    return benchMarket({
        channels,
        workers,
        bucketSize: number('--bucket', channels >= 1_000_000 ? 131_072 : isQuick ? 512 : 16_384),
        channelsOfFile: Math.min(65_536, Math.ceil(channels / (3 * workers))),
        threads: number('--threads', 1),
        memory: `${number('--memory-mb', 1000)}MB`,
        isAloneSkipped: isNamed('--no-alone'),
    });
}

/** What is wrong with the words after the name of a benchmark, by its line of `USAGE`. */
function faultOf(name: string, args: readonly string[]): string | undefined {
    const line = USAGE.split('\n').find((each) => each.split(/\s+/)[4] === name) ?? '';
    const numbers = [...line.matchAll(/\[(--[a-z-]+) [A-Z]\]/g)].map(([, option]) => option);
    const marks = [...line.matchAll(/\[(--[a-z-]+)\]/g)].map(([, option]) => option);
    for (let i = 0; i < args.length; i += 1) {
        const option = args[i] ?? '';
        if (numbers.includes(option)) {
            i += 1;
            if (!/^[1-9]\d*$/.test(args[i] ?? '')) return `${option} takes a whole number above zero`;
        } else if (option !== '--quick' && !marks.includes(option)) return `${name} has no option ${option}`;
    }
    return undefined;
}

async function main([name = '', ...args]: readonly string[]): Promise<number> {
    const isHelp = [name, ...args].some((word) => word === '--help' || word === '-h');
    if (isHelp) {
        process.stdout.write(`${USAGE}\n`);
        return 0;
    }
    const benchmark = BENCHMARKS[name];
    const fault = benchmark === undefined ? `there is no benchmark ${name}` : faultOf(name, args);
    if (benchmark === undefined || fault !== undefined) {
        process.stderr.write(name === '' ? `${USAGE}\n` : `${fault}\n\n${USAGE}\n`);
        return 2;
    }
    const isNamed = (option: string) => args.includes(option);
    const isJson = isNamed('--json');
    if (!isJson) process.stdout.write(`${machineText()}\n`);
    await benchmark({
        isJson,
        isQuick: isNamed('--quick'),
        isNamed,
        number: (option, otherwise) => {
            const at = args.indexOf(option);
            return at < 0 ? otherwise : Number(args[at + 1]);
        },
    });
    return 0;
}

process.exitCode = await main(process.argv.slice(2));
