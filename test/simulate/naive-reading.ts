export interface NaiveFormat {
    /** Undefined for ndjson. */
    readonly columns: readonly string[] | undefined;
    readonly feed: string;
    readonly isRegisteredByLoad: boolean;
}

export interface NaiveReading {
    readonly meterId: string;
    readonly register: string;
    readonly at: number;
    readonly minutes: number;
    /** kWh with three decimals; undefined where there is none. */
    readonly value: string | undefined;
    readonly quality: string;
    readonly version: number | undefined;
}

interface Registered {
    readonly minutes: number;
    readonly hasExport: boolean;
}

const KEYS = ['meter_id', 'register', 'read_at', 'minutes', 'value', 'unit', 'quality', 'version'];
const NOW = Date.parse('2026-01-01T00:00:00Z');

/** One line as a reading in kWh, or the id of the only rule that it breaks; fails where it breaks more than one. */
export function readNaively(
    text: string,
    format: NaiveFormat,
    registered: (key: string) => Registered | undefined,
): NaiveReading | string {
    const fields = fieldsOf(text, format);
    if (typeof fields === 'string') return fields;
    const { meter_id: meterId = '', register = '1', value = '', unit = 'kWh', version } = fields;
    const quality = fields.quality ?? (value === 'Null' ? 'N' : 'A');
    const minutes = Number(fields.minutes ?? 30);
    const channel = registered(`${meterId} ${register}`);
    const stamp = stampOf(fields.read_at ?? '', format.feed === 'lcl');
    const rules: string[] = [];
    const refuse = (rule: string, condition: boolean) => {
        if (condition) rules.push(rule);
    };
    refuse('row.meter-blank', meterId === '');
    refuse('row.minutes', ![5, 10, 15, 30, 60].includes(minutes));
    refuse('row.quality', !['A', 'E', 'N', 'W'].includes(quality));
    refuse('row.version', version !== undefined && !/^\d+$/.test(version));
    refuse('row.unit', !['kWh', 'Wh', 'MWh', 'kW'].includes(unit));
    refuse('row.interval-length', rules.length === 0 && channel !== undefined && channel.minutes !== minutes);
    if (typeof stamp === 'string') rules.push(stamp);
    else {
        // Every zone of these tests is a whole number of hours from UTC.
        refuse('row.stamp-off-grid', minutes !== 7 && stamp % (minutes * 60_000) !== 0);
        refuse('row.stamp-future', stamp > NOW);
    }
    const kwh = quality === 'N' || quality === 'W' ? undefined : kwhOf(value, unit, minutes);
    if (kwh !== undefined && 'rule' in kwh) rules.push(kwh.rule);
    else if (kwh !== undefined) {
        refuse('row.value-negative', kwh.micro < 0n && !channel?.hasExport);
        refuse('row.value-too-large', kwh.micro > 100_000_000_000n);
    }
    if (rules.length > 1) throw new Error(`${rules.join(' and ')} in ${text}`);
    const [rule] = rules;
    if (rule !== undefined) return rule;
    const exact = kwh !== undefined && 'micro' in kwh ? threeDecimals(kwh.micro) : undefined;
    const stampKind = version === undefined ? undefined : Number(version);
    return { meterId, register, at: Number(stamp), minutes, value: exact, quality, version: stampKind };
}

function fieldsOf(text: string, format: NaiveFormat): Record<string, string> | string {
    if (format.columns === undefined) {
        let object: Record<string, unknown>;
        try {
            object = JSON.parse(text);
        } catch {
            return 'row.json';
        }
        if (Object.keys(object).some((key) => !KEYS.includes(key))) return 'row.column-unknown';
        // Values keep their text, as a number parsed as a float would not.
        const plain = text.match(/"value":("([^"]*)"|null|[^,}]*)/);
        const value = plain?.[2] ?? (plain?.[1] === 'null' ? '' : plain?.[1]) ?? '';
        const texts = Object.entries(object).map(([key, member]) => [key, String(member ?? '')]);
        return { ...Object.fromEntries(texts), value };
    }
    const fields = text.split(',');
    if (fields.length !== format.columns.length) return 'row.fields';
    if (format.feed !== 'lcl')
        return Object.fromEntries(format.columns.map((name, i) => [name, fields[i] ?? '']));
    return { meter_id: fields[0] ?? '', read_at: fields[1] ?? '', value: fields[2] ?? '' };
}

function stampOf(text: string, isLcl: boolean): number | string {
    const shape = isLcl ? /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/ : /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
    if (!shape.test(text)) return 'row.stamp-format';
    const iso = isLcl ? `${text.replace(' ', 'T')}Z` : text;
    const at = Date.parse(iso);
    const isReal = !Number.isNaN(at) && new Date(at).toISOString() === iso.replace('Z', '.000Z');
    return isReal ? at : 'row.stamp-impossible';
}

function kwhOf(text: string, unit: string, minutes: number): { micro: bigint } | { rule: string } {
    if (text === '') return { rule: 'row.value-missing' };
    const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
    if (match === null) return { rule: 'row.value-format' };
    const [, sign, whole = '', decimals = ''] = match;
    if (decimals.length > 7) return { rule: 'row.value-decimals' };
    const pico = BigInt(whole + decimals.padEnd(12, '0')) * (sign === '-' ? -1n : 1n);
    const factors: Record<string, [bigint, bigint]> = {
        kWh: [1n, 1n],
        Wh: [1n, 1000n],
        MWh: [1000n, 1n],
        kW: [BigInt(minutes), 60n],
    };
    const [times, per] = factors[unit] ?? [0n, 1n];
    return { micro: (pico * times) / per / 1_000_000n };
}

function threeDecimals(micro: bigint): string {
    const digits = (micro / 1000n).toString().padStart(4, '0');
    return `${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
