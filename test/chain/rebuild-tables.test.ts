import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BELIEVED, COPIED, HAPPENED, MADE_ANEW, NOT_NEEDED } from '../../src/pipeline/rebuild-replay.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { findImports } from '../tidy/imports.ts';

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url));
/** Rooms that make readings of what was received, which a rebuild runs in a schema of its own; with all that they import. */
const MAKING = ['raw', 'parsers', 'ingest', 'lake'];
/** Reads in them that do not make readings. */
const BESIDE: Readonly<Record<string, string>> = {
    'lake/sweep.ts bills': 'what sealed bills were made from is kept',
    'lake/sweep.ts bill_inputs': 'what sealed bills were made from is kept',
    'lake/open-table-catalogue.ts open_tables': 'the open tables are those of the home',
    'lake/open-table-catalogue.ts open_table_versions': 'the open tables are those of the home',
    'lake/column-statistics.ts open_tables': 'the open tables are those of the home',
    ...Object.fromEntries(
        [
            'account_holders',
            'accounts',
            'agreement_versions',
            'agreements',
            'customers',
            'tariff_versions',
            'tariffs',
        ].map((table) => [
            `registry/dimension-queries.ts ${table}`,
            'of snapshots for queries and open tables; curation takes that of channels alone',
        ]),
    ),
};

/** Columns of each table, as the kept schema has them; another test holds it equal to what the migrations make. */
function schemaTables(): Map<string, string[]> {
    const schema = readFileSync(path.join(MIGRATIONS, 'schema.sql'), 'utf8');
    const found = [...schema.matchAll(/^table (\w+) \(\n(.*?)\n\);/gms)];
    return new Map(
        found.map(([, name = '', body = '']) => [
            name,
            body.split('\n').flatMap((line) => /^ {4}(?!constraint )(\w+) /.exec(line)?.[1] ?? []),
        ]),
    );
}

test('every table of the schema is copied, believed, made anew or named as not needed by a rebuild, once', () => {
    const named = [
        ...[...COPIED, ...BELIEVED, ...HAPPENED].map(({ table }) => table),
        ...MADE_ANEW,
        ...Object.values(NOT_NEEDED).flat(),
    ];
    const tables = [...schemaTables().keys()];
    assert.ok(tables.length > 30);
    assert.deepEqual(named.toSorted(), tables.toSorted());
});

test('what is believed comes with every column', () => {
    for (const { table, columns } of BELIEVED)
        assert.deepEqual([...columns, 'known_to'].sort(), schemaTables().get(table)?.toSorted(), table);
});

test('what a rebuild leaves out is read by nothing that makes readings', () => {
    const reads = new RegExp(
        String.raw`\b(?:from|join)\s+(${Object.values(NOT_NEEDED).flat().join('|')})\b`,
        'g',
    );
    const found = makingFiles().flatMap((name) => {
        const text = readFileSync(path.join(SOURCES, name), 'utf8');
        return [...text.matchAll(reads)].map(([, table]) => `${name} ${table}`);
    });
    assert.deepEqual([...new Set(found)].sort(), Object.keys(BESIDE).sort());
});

function makingFiles(): string[] {
    const found = new Set<string>();
    const add = (name: string): void => {
        if (found.has(name)) return;
        found.add(name);
        const file = path.join(SOURCES, name);
        for (const { from } of findImports(readFileSync(file, 'utf8')))
            if (from.startsWith('.')) add(path.relative(SOURCES, path.resolve(path.dirname(file), from)));
    };
    for (const room of MAKING)
        for (const name of readdirSync(path.join(SOURCES, room), { encoding: 'utf8' }))
            if (name.endsWith('.ts')) add(path.join(room, name));
    return [...found];
}
