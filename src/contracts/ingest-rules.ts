/**
 * What can be wrong with a payload or a row on arrival. The id stands in quarantined rows, in
 * messages and in docs/ingest-rules.md; a test holds the three equal.
 */
export const FILE_RULES = {
    'file.empty': 'The file has no bytes, or no line beside its header.',
    'file.compression-damaged': 'The gzip or zstd stream is cut off or fails its checksum.',
    'file.not-text': 'The file holds control bytes that no text has (NUL, 0x01 to 0x08, 0x0E to 0x1F).',
    'file.encoding': 'The file is not UTF-8.',
    'file.line-too-long': 'A line is longer than the contract allows.',
    'file.delimiter': 'The columns stand between another delimiter than that of the contract.',
    'file.header-duplicate': 'Two columns of the header have the same name.',
    'file.column-missing': 'A column that the contract requires is not in the header.',
    'file.column-unknown': 'The header has a column that the contract does not know.',
    'file.column-order': 'The columns stand in another order than in the contract.',
    'file.unit-unknown': 'More rows than the contract lets pass have a unit that is not kWh, Wh, MWh or kW.',
    'file.quality-unknown':
        'More rows than the contract lets pass have a quality code that it does not know.',
    'file.stamps-moved':
        'The profile of the day has moved by an interval or an hour against the days before.',
    'file.unit-moved':
        'The energy of most channels has changed against the days before by what lies between two units.',
    'file.form-changed': 'More rows than the contract lets pass are not written as it says.',
    'file.not-computable':
        'The engine gives up on a value of the file that no rule foresees: report it, with what the engine says. Once a version of gridtally reads it, a new version of the contract and `gridtally replay` bring it in.',
} as const;

export const ROW_RULES = {
    'row.fields': 'The row has more or fewer fields than the header.',
    'row.quote': 'A quote stands where none may, or is not closed.',
    'row.json': 'The line is not a flat JSON object.',
    'row.column-unknown': 'The object has a key that the contract does not know.',
    'row.meter-blank': 'The meter is blank.',
    'row.stamp-format': 'The stamp is not written as the contract says.',
    'row.stamp-impossible': 'There is no such date or time of day.',
    'row.stamp-too-old':
        'The interval, or the register read, lies before 2000-01-01 in UTC: no interval meter is older.',
    'row.stamp-missing-hour': 'The local time was skipped by the clock change.',
    'row.stamp-repeated-hour':
        'The local time happened twice, and neither the contract nor, by `by-order`, the order of the rows says which is meant.',
    'row.period-surplus': 'The local day has fewer periods than the number of the column.',
    'row.stamp-off-grid': 'The stamp is not a multiple of the interval length from local midnight.',
    'row.stamp-future': 'The interval, or the register read, lies in the future of its receipt.',
    'row.stamp-crosses-midnight': 'The interval reaches across local midnight.',
    'row.minutes':
        'The interval length is not a whole number of minutes that gridtally knows (5, 10, 15, 30, 60).',
    'row.interval-length': 'The interval length differs from the one that the channel is registered with.',
    'row.value-format': 'The value is not a plain decimal number.',
    'row.value-missing': 'The value is blank, and the quality does not say that it is missing.',
    'row.value-decimals': 'The value has more decimals than the contract allows.',
    'row.value-negative':
        'The value is negative: neither the contract allows that, nor has the metering point a channel of export.',
    'row.value-too-large':
        'The value is larger than the contract allows for one interval, or for the index of a register.',
    'row.unit': 'The unit is not kWh, Wh, MWh or kW; of a register read, not kWh, Wh or MWh.',
    'row.quality': 'The contract does not know the quality code.',
    'row.version': 'The version stamp is not written as the contract says.',
    'row.repeated':
        'The payload holds the interval, or the instant of a register, more than once, and the contract refuses that.',
} as const;

/** A row that is right in itself, of a meter or register that nobody registered, or outside the channel's validity. What only the channel tells is judged with it. */
export const WAITING_REASONS = {
    'waiting.meter-unknown': 'No channel is registered for the meter and register.',
    'waiting.outside-validity': 'The meter and register are registered, but not at the time of the reading.',
    'waiting.interval-length':
        'The channel of that time has another interval length, and the row was a version before, or waits since an earlier version of the program.',
} as const;

export type FileRule = keyof typeof FILE_RULES;
export type RowRule = keyof typeof ROW_RULES;
export type WaitingReason = keyof typeof WAITING_REASONS;
