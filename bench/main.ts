import { benchChain } from './chain.ts';
import { benchCorrection, correctionText } from './correction.ts';
import { benchDrafts, draftsText } from './drafts.ts';
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
npm run bench -- late   [--meters N] [--days D] [--json]   a month's late corrections, and numbers traced to their bytes
npm run bench -- load   [--rows N] [--json]                master data, each kind from one file
npm run bench -- market [--channels N] [--workers W] [--bucket B] [--threads T] [--memory-mb M] [--no-alone] [--json]
                                                           a market's day through many workers
npm run bench -- seam   [--meters N] [--json]                what the seam adds to the engine's own time
npm run bench -- spark  [--meters N] [--json]                curation and rollups on a Spark server of this machine
npm run bench -- validation [--meters N] [--runs K] [--json]  what the rules of validation add to curation, by rule
Add --quick for a size that runs in seconds.`;

async function main(args: readonly string[]): Promise<number> {
    const isJson = args.includes('--json');
    const number = (name: string, otherwise: number) => {
        const at = args.indexOf(name);
        return at < 0 ? otherwise : Number(args[at + 1]);
    };
    const isQuick = args.includes('--quick');
    if (!isJson) process.stdout.write(`${machineText()}\n`);
    if (args[0] === 'chain') {
        await benchChain({
            meters: number('--meters', isQuick ? 5000 : 200_000),
            runs: number('--runs', 1),
            isJson,
        });
        return 0;
    }
    if (args[0] === 'drafts') {
        const customers = number('--customers', isQuick ? 500 : 20_000);
        const drafts = await benchDrafts({ customers, days: 31 }, number('--runs', 1));
        process.stdout.write(isJson ? `${JSON.stringify({ drafts }, null, 2)}\n` : draftsText(drafts));
        return 0;
    }
    if (args[0] === 'correction') {
        const correction = await benchCorrection(number('--meters', isQuick ? 2000 : 200_000));
        process.stdout.write(
            isJson ? `${JSON.stringify({ correction }, null, 2)}\n` : correctionText(correction),
        );
        return 0;
    }
    if (args[0] === 'late') {
        const late = await benchLate(
            number('--meters', isQuick ? 200 : 20_000),
            number('--days', isQuick ? 5 : 31),
        );
        process.stdout.write(isJson ? `${JSON.stringify({ late }, null, 2)}\n` : lateText(late));
        return 0;
    }
    if (args[0] === 'load') {
        await benchLoad(number('--rows', isQuick ? 5000 : 200_000), isJson);
        return 0;
    }
    if (args[0] === 'market') {
        const channels = number('--channels', isQuick ? 4000 : 100_000);
        const workers = number('--workers', isQuick ? 2 : 4);
        const market = await benchMarket({
            channels,
            workers,
            bucketSize: number('--bucket', channels >= 1_000_000 ? 131_072 : isQuick ? 512 : 16_384),
            channelsOfFile: Math.min(65_536, Math.ceil(channels / (3 * workers))),
            threads: number('--threads', 1),
            memory: `${number('--memory-mb', 1000)}MB`,
            isAloneSkipped: args.includes('--no-alone'),
        });
        process.stdout.write(isJson ? `${JSON.stringify({ market }, null, 2)}\n` : marketText(market));
        return 0;
    }
    if (args[0] === 'seam') {
        const seam = await benchSeam(number('--meters', isQuick ? 5000 : 200_000));
        process.stdout.write(isJson ? `${JSON.stringify({ seam }, null, 2)}\n` : seamText(seam));
        return 0;
    }
    if (args[0] === 'spark') {
        const spark = await benchSpark(number('--meters', isQuick ? 5000 : 200_000));
        process.stdout.write(isJson ? `${JSON.stringify({ spark }, null, 2)}\n` : sparkText(spark));
        return 0;
    }
    if (args[0] === 'validation') {
        const meters = number('--meters', isQuick ? 200 : 2000);
        const validation = await benchValidation(meters, number('--runs', 2));
        process.stdout.write(
            isJson ? `${JSON.stringify({ validation }, null, 2)}\n` : validationText(validation),
        );
        return 0;
    }
    process.stderr.write(`${USAGE}\n`);
    return 2;
}

process.exitCode = await main(process.argv.slice(2));
