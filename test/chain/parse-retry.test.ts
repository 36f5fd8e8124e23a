import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openChainWorld, readingsCsv } from './chain-world.ts';

/** The first commit that marks a segment as parsed fails as a lost race does; a sequence keeps its number when it is rolled back. */
const FIRST_COMMIT_FAILS = `
create sequence parse_commits;
create function fail_first_commit() returns trigger language plpgsql as $$
begin
    if nextval('parse_commits') = 1 then
        raise exception 'could not serialize access' using errcode = '40001';
    end if;
    return null;
end $$;
create constraint trigger first_commit_fails after update of parsed_at on segments
    deferrable initially deferred for each row when (new.parsed_at is not null) execute function fail_first_commit()`;

test('a batch whose commit is tried again counts once in the totals', async () => {
    const world = await openChainWorld({ marketZone: 'UTC' });
    try {
        for (const statement of FIRST_COMMIT_FAILS.split(/;\n(?=create)/))
            await world.workspace.db.query(statement);
        const at = Date.parse('2013-06-01T00:00:00Z');
        const { parsed } = await world.ingest('generic-csv', {
            'rows.csv': readingsCsv([
                { meter: 'A', at, kwh: '1.5' },
                { meter: 'A', at: at + 60_000, kwh: '1.5' },
            ]),
            'refused.csv': 'no,header,of,this,feed\n',
        });
        assert.deepEqual(await world.workspace.db.query('select last_value as n from parse_commits'), [
            { n: 2 },
        ]);
        const { segments, payloads, refused, records, versions, quarantined, refusals } = parsed;
        assert.deepEqual(
            { segments, payloads, refused, records, versions, quarantined, refusals: refusals.length },
            { segments: 1, payloads: 2, refused: 1, records: 2, versions: 1, quarantined: 1, refusals: 1 },
        );
    } finally {
        await world.end();
    }
});
