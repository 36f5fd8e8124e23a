import type { InputFault } from '../kernel/errors.ts';
import type { LoadSettings, LoadSource, MasterDataKind } from './master-data-kind.ts';
import { type ColumnRules, checkColumns, RowReader } from './row-reader.ts';
import { csvTable, type SourceTable, yamlTable } from './source-table.ts';

/** Rows of a CSV or YAML file with exactly these columns; rows with faults are left out. */
export function readRows<Row>(
    source: LoadSource,
    settings: LoadSettings,
    faults: InputFault[],
    kind: MasterDataKind,
    columns: ColumnRules | ((found: readonly string[]) => ColumnRules),
    read: (row: RowReader, table: SourceTable) => Row,
): Row[] {
    const { text, file } = source;
    const table = source.isYaml ? yamlTable(text, file, kind, faults) : csvTable(text, file, faults);
    const rules = typeof columns === 'function' ? columns(table.columns) : columns;
    if (!checkColumns(table, rules, faults)) return [];
    const reader = new RowReader(table, settings.zone, faults);
    return reader.readAll((row) => read(row, table), source.leftOut);
}
