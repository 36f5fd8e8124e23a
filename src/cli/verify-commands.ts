import type { Command } from 'commander';
import { count, counted } from '../kernel/counted.ts';
import { type HomeFault, verifyHome } from '../pipeline/verify-home.ts';
import { verifyRaw } from '../raw/verify-raw.ts';
import { type CommonOptions, command, withWorkspace } from './command-context.ts';
import { wrapped } from './output.ts';

export function addVerifyCommands(program: Command): void {
    const verify = command(
        program,
        'verify',
        'compare all that is stored with what the catalogue says; nothing is changed',
    ).action(verifyCommand);
    command(verify, 'raw', 're-hash every payload and compare with the catalogue')
        .option('--rebuild', 'enter the rows that the catalogue lacks, from the headers')
        .action(verifyRawCommand);
}

async function verifyCommand(options: CommonOptions): Promise<void> {
    await withWorkspace(options, async (workspace, output) => {
        const result = await verifyHome(workspace, ({ stage, done, total }) =>
            output.progress(`verify: ${stage}: ${count(done)} of ${count(total)}`),
        );
        output.result(result, [
            `${counted(result.segments, 'segment')} with ${counted(result.payloads, 'payload')}, ${counted(result.rawBytes, 'byte')}`,
            `${counted(result.lakeFiles, 'file')} of the lake, ${counted(result.lakeBytes, 'byte')}; ${counted(result.partitions, 'partition')} summed again`,
            ...faultLines(result.faults),
            result.isSound ? 'all sound' : `${counted(result.faults.length, 'fault')} found`,
        ]);
        if (!result.isSound) process.exitCode = 1;
    });
}

/** What is wrong, by what to do about it. */
function faultLines(faults: readonly HomeFault[]): string[] {
    return [...Map.groupBy(faults, ({ remedy }) => remedy)].flatMap(([remedy, alike]) => [
        ...alike.map(({ area, place, what }) => `${area}: ${place} ${what}`),
        ...wrapped(`  ${remedy}`),
    ]);
}

async function verifyRawCommand(_options: CommonOptions, self: Command): Promise<void> {
    const options = self.optsWithGlobals<CommonOptions & { readonly rebuild?: boolean }>();
    await withWorkspace(options, async ({ raw }, output) => {
        const result = await verifyRaw(raw, {
            rebuild: options.rebuild === true,
            onProgress: (done, of) => output.progress(`verify: ${done} of ${of} segments`),
        });
        const isSound = result.damaged.length + result.missing.length === 0;
        output.result({ ...result, isSound }, [
            `${counted(result.segments, 'segment')}, ${counted(result.payloads, 'payload')}, ${counted(result.bytes, 'byte')}: ${isSound ? 'all sound' : 'damage found'}`,
            ...result.damaged.map((d) => `damaged: ${d.segmentPath} at byte ${d.offset}: ${d.what}`),
            ...result.missing.map((m) => `missing: ${m}`),
            ...result.unknown.map((u) => `not in the catalogue: ${u}`),
            ...(result.entered > 0
                ? [
                      `${counted(result.entered, 'segment')} entered from ${result.entered === 1 ? 'its' : 'their'} headers; next: gridtally work`,
                  ]
                : []),
            ...(result.unknown.length > 0 && !options.rebuild
                ? [
                      `next: gridtally verify raw --rebuild (enters ${result.unknown.length === 1 ? 'it' : 'those that are whole'})`,
                  ]
                : []),
        ]);
        if (!isSound) process.exitCode = 1;
    });
}
