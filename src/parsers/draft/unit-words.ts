import type { EnergyUnit } from '../../contracts/feed-contract.ts';
import { plainWords } from './column-names.ts';

/** Units of the trade in lower case: those that a reading may have, and those that it may not. */
const WORDS: Readonly<Record<string, EnergyUnit | 'other'>> = {
    kwh: 'kWh',
    wh: 'Wh',
    mwh: 'MWh',
    kw: 'kW',
    w: 'other',
    mw: 'other',
    gwh: 'other',
    kvarh: 'other',
    varh: 'other',
    kvar: 'other',
    kvah: 'other',
    v: 'other',
    a: 'other',
    m3: 'other',
};

/** The unit that a text of a unit column names, however it is spelt; `other` is one that no reading may have. */
export function unitWord(text: string): EnergyUnit | 'other' | undefined {
    return WORDS[text.toLowerCase()];
}

/** The unit that a column's name states, such as `energy(kWh/hh)`. */
export function unitInName(name: string): EnergyUnit | 'other' | undefined {
    const words = plainWords(name).split('_');
    const unit = words.map((word) => WORDS[word]).find((found) => found !== undefined);
    // single letters are names more often than units
    return unit === 'other' && !words.some((word) => word.length > 1 && WORDS[word] === 'other')
        ? undefined
        : unit;
}
