import { counted } from '../kernel/counted.ts';

/** Says of numbers that stand beside a quality without a value that they are not used; nothing where there are none. */
export function unusedText(values: number): string[] {
    if (values === 0) return [];
    return [`${counted(values, 'value')} not used: the quality says that it is missing or withdrawn`];
}
