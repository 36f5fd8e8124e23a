export type CodeMeaning = 'measured' | 'estimated' | 'missing' | 'withdrawn';

/** Codes of the trade, in lower case. A letter alone means something else to some vendors. */
const MEANINGS: Readonly<Record<CodeMeaning, string>> = {
    measured:
        'a act actual m meas measured r real read v val valid validated ok good normal metered original true_value wahrer_wert reel reelle brut a01 a04',
    estimated:
        'e est estimate estimated s sub subst substitute substituted f final i interpolated calculated calc c p provisional temporary ersatzwert ersatz vorlaufig estimated_value estimee estimada corrected a02 a03',
    missing: 'n null none missing nan na no_data nodata incomplete absent fehlt gap',
    withdrawn: 'w withdrawn deleted cancelled canceled retracted void storno',
};

const BY_CODE = new Map(
    Object.entries(MEANINGS).flatMap(([meaning, codes]) =>
        codes.split(' ').map((code) => [code, meaning as CodeMeaning] as const),
    ),
);

const YES = new Set(['1', 'true', 'yes', 'y', 't', 'j', 'ja', 'x']);
const NO = new Set(['0', 'false', 'no', 'n', 'f', 'nein']);

/** What a quality code most often means; `E52` and the like by their letter. */
export function codeMeaning(code: string): CodeMeaning | undefined {
    const word = code
        .normalize('NFD')
        .replace(/\p{M}/gu, '')
        .toLowerCase()
        .trim()
        .replace(/[^a-z0-9]+/g, '_');
    return BY_CODE.get(word) ?? BY_CODE.get(/^([aefsn])\d\d$/.exec(word)?.[1] ?? '');
}

export function isYesOrNo(text: string): boolean {
    return isYes(text) || NO.has(text.toLowerCase());
}

export function isYes(text: string): boolean {
    return YES.has(text.toLowerCase());
}

/** The word for yes of the same kind as a word for no. */
export function yesFor(no: string): string {
    const words: Readonly<Record<string, string>> = {
        '0': '1',
        false: 'true',
        no: 'yes',
        n: 'Y',
        f: 't',
        nein: 'ja',
    };
    const yes = words[no.toLowerCase()] ?? 'true';
    if (no.length < 2) return yes;
    if (no === no.toUpperCase()) return yes.toUpperCase();
    return no[0] === no[0]?.toUpperCase() ? yes.charAt(0).toUpperCase() + yes.slice(1) : yes;
}
