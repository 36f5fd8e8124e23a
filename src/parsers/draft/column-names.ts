import type { ColumnRole } from '../../contracts/feed-contract.ts';

/** Words of a name in lower case, joined by _: `EnergyKWh (hh)` as `energy_kwh_hh`. */
export function plainWords(name: string): string {
    const spaced = name
        .normalize('NFD')
        .replace(/\p{M}/gu, '')
        .replace(/[kMG]?W[Hh]?/g, (unit) => unit.toLowerCase())
        .replace(/([a-z0-9])([A-Z])/g, '$1 $2');
    return (spaced.toLowerCase().match(/[\p{L}]+|\d+/gu) ?? []).join('_');
}

type NamedRole = Exclude<ColumnRole, 'ignored' | 'cell'>;

const word = (words: string) => new RegExp(`(^|_)(${words})(_|$)`);

/** What columns are called by head-ends, retailers and market operators; 3 says it, 2 and 1 hint at it. */
const NAMES: Readonly<Record<NamedRole, readonly (readonly [RegExp, number])[]>> = {
    meter: [
        [
            word(
                'mpan|mpxn|mprn|nmi|esi_?id|esiid|ean|cups|prm|pdl|gsrn|pod|malo|melo|msn|zpn|lclid|z(ae?|a)hlpunkt[a-z]*|z(ae?|a)hler[a-z]*|messlokation|marktlokation|compteur|contador|contatore',
            ),
            3,
        ],
        [/(metering|measuring|usage|delivery|supply|service|grid)_point/, 3],
        [/^meter(_(id|no|nr|number|code|serial(_number)?|identifier|key|name))?$/, 3],
        [/^(meter|device|serial)_/, 2],
        [
            /(device|serial|household|customer|house|site|premise|account|logger|sensor|home)(_(id|no|number|code))?$/,
            2,
        ],
        [/(^|_)(id|ident|identifier|no|nr|number)$|[a-z]id$/, 1],
    ],
    stamp: [
        [
            /(timestamp|date_?time|tstp|zeitstempel|horodate|fecha_hora|read_at|read(ing)?_(date|time)|observation_time)/,
            3,
        ],
        [/^(start|end|from|to|begin|von|bis|debut|fin|inicio)(_(at|time|date|utc))*$/, 3],
        [/(period|interval)_(start|end|from|to|begin)|(start|end)_(time|date|at)/, 3],
        [word('time|date|datum|zeit|fecha|hora|uhrzeit|ts|dt|at|utc|day|tag|jour|dia|gas_day'), 2],
    ],
    value: [
        [
            word(
                'kwh|mwh|wh|energy|consumption|usage|verbrauch|consumo|consommation|quantity|menge|energie|energia',
            ),
            3,
        ],
        [
            word(
                'value|wert|valeur|valor|reading|read|amount|import|load|power|kw|mw|export|generation|val|last|delta',
            ),
            2,
        ],
    ],
    register: [
        [
            word(
                'register|register_id|obis|channel|kanal|suffix|reg|stream|datastream|measurand|tariff_register',
            ),
            3,
        ],
        [word('direction|flow|measure|measurement_type|series'), 1],
    ],
    minutes: [
        [
            /(^|_)(minutes|mins|interval_length|interval_minutes|length|duration|granularity|resolution|period_length)$/,
            3,
        ],
        [word('interval|period|step'), 2],
    ],
    unit: [[word('unit|units|uom|einheit|unite|unidad|unita|measure_unit|quantity_unit'), 3]],
    quality: [
        [word('quality|qual|qualitat|qualite|calidad|estimated|is_estimated|estimate|validity|q'), 3],
        [
            word(
                'flag|status|method|state|kind|obtain_method|metodo|read_?type|reading_type|value_type|type|source',
            ),
            2,
        ],
    ],
    version: [
        [word('version|revision|rev|ver'), 3],
        [
            /(created|updated|modified|received|registered|changed|inserted|published)(_(at|on|date|time|utc))?$/,
            2,
        ],
        [/^(last_(update|change)d?|transaction_time|registration_time)$/, 2],
    ],
    withdrawn: [
        [word('withdrawn|deleted|cancelled|canceled|is_deleted|voided|void|retracted|storno|storniert'), 3],
    ],
};

/** A value column is none of these, whatever else its name has in it. */
const NO_VALUE_NAME =
    /volt|ampere|temp|price|cost|tariff|supplier|(^|_)(id|code|name|type|unit|uom|quality|status|flag|date|time|at|start|end|days?|count)$/;

/** Beside active energy it is another quantity; alone it is told by its unit. */
const REACTIVE = /varh?(_|$)|k_?vah?(_|$)|reactive|blind/;

/** How much a name speaks for a role: 3, 2, 1 or 0. */
export function nameScore(name: string, role: NamedRole): number {
    const words = plainWords(name);
    if (role === 'value' && NO_VALUE_NAME.test(words)) return 0;
    const score = NAMES[role].find(([form]) => form.test(words))?.[1] ?? 0;
    return role === 'value' && REACTIVE.test(words) ? Math.min(1, score) : score;
}

/** Whether a name says which end of the interval a stamp marks. */
export function namedEnd(name: string): 'start' | 'end' | undefined {
    const words = plainWords(name);
    if (word('end|to|bis|until|ending|fin|hasta|till|ende').test(words)) return 'end';
    return word('start|from|begin|beginning|von|debut|desde|inicio|starting|ab').test(words)
        ? 'start'
        : undefined;
}
