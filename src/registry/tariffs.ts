import { readItems } from './document-schema.ts';
import { type History, historyTable, makeDesiredHistory } from './history.ts';
import type { KindLoader } from './master-data-kind.ts';
import { findVersionOverlaps } from './overlap-sentences.ts';
import { refuseUnpricedCharges } from './priced-bands.ts';
import { enterIdentifiers } from './references.ts';
import { refuseRepeats } from './row-reader.ts';
import { tariffSchema } from './tariff-schema.ts';

const HISTORY: History = {
    table: 'tariff_versions',
    subject: ['tariff_no'],
    says: ['name', 'structure'],
};

/** Tariffs with their versions, from YAML only. One row per tariff and beginning of a version. */
export const tariffsLoader: KindLoader = {
    read(source, settings, faults) {
        const { items, lineOf } = readItems(source, 'tariffs', tariffSchema(settings.currency), faults);
        const rows = items.flatMap(({ tariff_id, name, versions }, item) =>
            versions.map(({ validFrom, validTo, structure }, index) => {
                const place = [item, 'versions', index];
                const chargeLines = structure.charges.map((_, n) => lineOf([...place, 'charges', n]));
                return {
                    line: lineOf(place),
                    tariffId: tariff_id,
                    name,
                    validFrom,
                    validTo,
                    structure,
                    chargeLines,
                };
            }),
        );
        const keyOf = (row: (typeof rows)[number]) => `tariff ${row.tariffId} from ${row.validFrom}`;
        return {
            columns: [
                'tariff_id text',
                'name text',
                'valid_from date',
                'valid_to date',
                'structure jsonb',
                'charge_lines integer[]',
            ],
            rows: refuseRepeats(rows, { file: source.file, field: 'valid_from' }, keyOf, faults).map(
                (row) => [
                    row.line,
                    row.tariffId,
                    row.name,
                    row.validFrom,
                    row.validTo,
                    JSON.stringify(row.structure),
                    `{${row.chargeLines.join(',')}}`,
                ],
            ),
        };
    },
    async resolve(work) {
        await refuseUnpricedCharges(work);
        await enterIdentifiers(work, 'tariffs', 'tariff_id');
        await work.tx.query(
            `create temp table versions on commit drop as
             select i.line, t.tariff_no, i.name, i.structure, i.valid_from, i.valid_to
             from incoming i join tariffs t using (tariff_id)`,
        );
        await makeDesiredHistory(work, HISTORY);
    },
    believed: historyTable(HISTORY),
    findOverlaps: (work) => findVersionOverlaps(work, 'tariff'),
};
