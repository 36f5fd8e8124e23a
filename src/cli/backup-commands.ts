import { type Command, InvalidArgumentError } from 'commander';
import { backUpHome } from '../backup/back-up-home.ts';
import { readManifest, snapshotIds, withBackups } from '../backup/backup-folder.ts';
import { type PruneOutcome, planPruneOf, pruneBackups } from '../backup/prune-backups.ts';
import type { PrunePlan } from '../backup/prune-plan.ts';
import { type RestoreSettings, restoreHome } from '../backup/restore-home.ts';
import type { SnapshotManifest } from '../backup/snapshot-manifest.ts';
import { verifyBackups } from '../backup/verify-backup.ts';
import { systemClock } from '../kernel/clock.ts';
import { count, counted } from '../kernel/counted.ts';
import { GridtallyError } from '../kernel/errors.ts';
import { instantText } from '../kernel/period.ts';
import { publishOpen } from '../pipeline/open-tables.ts';
import { type BackupRetention, markRestored, readHome } from '../store/home.ts';
import { type CommonOptions, command, homeFolder, wholeNumber, withWorkspace } from './command-context.ts';
import { openOutput, tableText } from './output.ts';
import { PROGRAM_VERSION } from './program-version.ts';
import { openWorkspace } from './workspace.ts';

interface PruneOptions extends CommonOptions {
    readonly keep?: number;
    readonly plan?: boolean;
}

interface RestoreCommandOptions extends CommonOptions {
    readonly snapshot?: string;
    readonly databaseUrl?: string;
    readonly databaseSchema?: string;
    readonly embedded?: boolean;
    readonly lake?: string;
}

export function addBackupCommands(program: Command): void {
    const backup = command(program, 'backup', 'add a snapshot of the home to a folder of backups')
        .argument('<folder>', 'where the backups are, or will be')
        .action(backupCommand);
    command(backup, 'list', 'the snapshots of a folder of backups')
        .argument('<folder>', 'where the backups are')
        .action((folder: string, _options: CommonOptions, self: Command) =>
            listCommand(folder, self.optsWithGlobals()),
        );
    command(backup, 'verify', 're-hash all that the snapshots are made of')
        .argument('<folder>', 'where the backups are')
        .action((folder: string, _options: CommonOptions, self: Command) =>
            verifyCommand(folder, self.optsWithGlobals()),
        );
    command(backup, 'prune', 'remove older snapshots, and what only they were made of')
        .argument('<folder>', 'where the backups are')
        .option('--keep <n>', 'how many of the newest stay, instead of what the home says', oneOrMore)
        .option('--plan', 'only tell what would be removed')
        .action((folder: string, _options: PruneOptions, self: Command) =>
            pruneCommand(folder, self.optsWithGlobals()),
        );
    command(program, 'restore', 'make a home from a snapshot')
        .argument('<folder>', 'where the backups are')
        .option('--snapshot <id>', 'which one; the newest unless told')
        .option('--database-url <url>', 'another PostgreSQL than that of the backup')
        .option('--database-schema <name>', 'another schema')
        .option('--embedded', "the home's own server instead of the backup's address")
        .option('--lake <dir>', 'another folder for the lake, from the home or absolute')
        .action(restoreCommand);
}

function oneOrMore(text: string): number {
    const n = wholeNumber(text);
    if (n === 0) throw new InvalidArgumentError('At least one snapshot stays.');
    return n;
}

async function backupCommand(folder: string, _options: CommonOptions, self: Command): Promise<void> {
    await withWorkspace(self.opts<CommonOptions>(), async ({ home, lake }, output) => {
        const policy = home.retention.backups;
        const source = { home, lake, gridtally: PROGRAM_VERSION };
        const result = await backUpHome(source, folder, ({ stage, done, total }) =>
            output.progress(`backup: ${stage}: ${count(done)} of ${count(total)}`),
        );
        const pruned = policy === undefined ? undefined : await pruneBackups(folder, policy);
        output.result({ ...result, takenAt: instantText(result.takenAt), ...(pruned && { pruned }) }, [
            `snapshot ${result.id}: the home as at ${instantText(result.takenAt)}`,
            `${counted(result.files, 'file')}, ${counted(result.bytes, 'byte')}, and the database`,
            `${counted(result.copiedFiles, 'file')} copied; ${counted(result.addedBytes, 'byte')} added to the backups`,
            ...(pruned === undefined ? [] : prunedLines(pruned)),
        ]);
    });
}

async function listCommand(folder: string, options: CommonOptions): Promise<void> {
    const output = openOutput(options.json === true);
    await withBackups(folder, 'shared', async (backups) => {
        const snapshots = snapshotIds(backups).map((id) => describe(readManifest(backups, id)));
        output.result(
            snapshots,
            snapshots.length === 0
                ? 'no snapshots'
                : tableText(
                      ['snapshot', 'taken at', 'gridtally', 'schema', 'files', 'bytes', 'rows'],
                      snapshots.map((s) => [
                          ...[s.id, s.takenAt, s.gridtally, s.schema],
                          ...[count(s.files), count(s.bytes), count(s.rows)],
                      ]),
                  ),
        );
    });
}

function describe(manifest: SnapshotManifest) {
    return {
        id: manifest.id,
        takenAt: instantText(manifest.takenAt),
        home: manifest.home.id,
        gridtally: manifest.gridtally,
        schema: manifest.schemaVersion.name,
        files: manifest.fileCount,
        bytes: manifest.byteCount,
        rows: manifest.tables.reduce((sum, { rows }) => sum + rows, 0),
    };
}

async function verifyCommand(folder: string, options: CommonOptions): Promise<void> {
    const output = openOutput(options.json === true);
    const result = await verifyBackups(folder, (done, of) =>
        output.progress(`backup verify: ${count(done)} of ${count(of)} objects`),
    );
    const isSound = result.damaged.length === 0;
    output.result({ ...result, isSound }, [
        `${counted(result.snapshots.length, 'snapshot')}, ${counted(result.objects, 'object')}, ${counted(result.bytes, 'byte')}: ${isSound ? 'all sound' : 'damage found'}`,
        ...result.damaged.map(
            (d) => `damaged: ${d.file} ${d.what}: ${d.holds}, of ${d.snapshots.join(', ')}`,
        ),
        ...(isSound
            ? []
            : [
                  'Remove the damaged objects and run `gridtally backup` again: what the home still has is copied anew.',
              ]),
    ]);
    if (!isSound) process.exitCode = 1;
}

async function pruneCommand(folder: string, options: PruneOptions): Promise<void> {
    const output = openOutput(options.json === true);
    const policy = options.keep === undefined ? homePolicy(options) : newestOnly(options.keep);
    if (options.plan === true) {
        const plan = await planPruneOf(folder, policy);
        output.result(plan, planLines(plan));
    } else {
        const result = await pruneBackups(folder, policy);
        output.result(result, prunedLines(result));
    }
}

function newestOnly(newest: number): BackupRetention {
    return { newest, daily: 0, weekly: 0, monthly: 0 };
}

function homePolicy(options: CommonOptions): BackupRetention {
    const { backups } = readHome(homeFolder(options)).retention;
    if (backups !== undefined) return backups;
    throw new GridtallyError('usage.invalid', 'the home does not say which snapshots stay', {
        remedy: 'Say --keep N, or set `retention: { backups: … }` in gridtally.yaml.',
    });
}

function planLines({ kept, removed }: PrunePlan): string[] {
    return [
        ...kept.map(({ id, why }) => `kept: ${id} (${why.join(', ')})`),
        ...removed.map((id) => `to be removed: ${id}`),
    ];
}

function prunedLines(result: PruneOutcome): string[] {
    return [
        `${counted(result.kept.length, 'snapshot')} kept, ${count(result.removed.length)} removed`,
        ...result.removed.map((id) => `removed: ${id}`),
        `${counted(result.removedObjects, 'object')} removed, ${counted(result.removedBytes, 'byte')}`,
    ];
}

async function restoreCommand(from: string, options: RestoreCommandOptions): Promise<void> {
    const output = openOutput(options.json === true);
    const folder = homeFolder(options);
    const { snapshot } = options;
    const result = await restoreHome(folder, {
        from,
        settings: settingsOf(options),
        ...(snapshot === undefined ? {} : { snapshot }),
        onProgress: ({ stage, done, total }) =>
            output.progress(`restore: ${stage}: ${count(done)} of ${count(total)}`),
    });
    const workspace = await openWorkspace(folder, systemClock, { isRestoring: true });
    try {
        for (const notice of workspace.notices) output.notice(notice);
        // the logs of open tables follow from the catalogue
        await publishOpen(workspace, { bills: 'none', rebuild: true });
    } finally {
        await workspace.close();
    }
    await markRestored(folder);
    output.result({ ...result, takenAt: instantText(result.takenAt), home: workspace.home.folder }, [
        `restored the home as at ${instantText(result.takenAt)} into ${workspace.home.folder}`,
        `${counted(result.files, 'file')}, ${counted(result.bytes, 'byte')}, ${counted(result.rows, 'row')} of the database`,
        'next: gridtally verify',
    ]);
}

function settingsOf(options: RestoreCommandOptions): RestoreSettings {
    const { databaseUrl, databaseSchema, embedded, lake } = options;
    if (embedded === true && databaseUrl !== undefined)
        throw new GridtallyError('usage.invalid', '--embedded and --database-url exclude each other');
    const database = embedded === true ? ('embedded' as const) : databaseUrl && { url: databaseUrl };
    return {
        ...(database ? { database } : {}),
        ...(databaseSchema === undefined ? {} : { databaseSchema }),
        ...(lake === undefined ? {} : { lakeFolder: lake }),
    };
}
