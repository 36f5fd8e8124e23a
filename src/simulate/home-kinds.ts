/** How a kind of home uses energy. Watts are means over an hour of the wall clock. */
export interface HomeKind {
    readonly name: string;
    /** How many of a hundred homes are of this kind. */
    readonly share: number;
    readonly workdayWatts: readonly number[];
    readonly freeDayWatts: readonly number[];
    /** Watts for each degree below 16 °C. */
    readonly heatingWatts: number;
    /** Watts of a car that charges, on some nights. */
    readonly chargerWatts: number;
    /** Peak power of panels. */
    readonly panelWatts: number;
    readonly isDomestic: boolean;
}

const QUIET = 90;
const FLAT_WORKDAY = hours(`
    80 70 65 65 70 110 240 320 210 130 120 120 130 120 120 130 170 300 420 430 380 320 220 130`);
const FLAT_FREE_DAY = hours(`
    100 80 70 65 65 75 120 200 280 300 280 290 310 260 220 220 240 310 400 400 360 320 250 160`);
const FAMILY_WORKDAY = hours(`
    170 150 140 140 150 220 480 690 520 320 300 310 340 310 330 430 620 880 1010 930 790 650 450 260`);
const FAMILY_FREE_DAY = hours(`
    190 160 150 140 150 170 260 430 640 720 700 720 790 690 600 590 650 820 930 880 760 640 480 300`);
const SHOP_WORKDAY = hours(`
    300 300 300 300 320 420 800 1900 2900 3300 3400 3500 3500 3500 3400 3400 3300 3000 1900 900 450 350 310 300`);
const SHOP_FREE_DAY = hours(`
    300 300 300 300 300 300 320 360 420 900 1500 1600 1600 1600 1500 1000 500 350 320 310 300 300 300 300`);

const NONE = { heatingWatts: 0, chargerWatts: 0, panelWatts: 0, isDomestic: true };
const FLAT = { workdayWatts: FLAT_WORKDAY, freeDayWatts: FLAT_FREE_DAY };
const FAMILY = { workdayWatts: FAMILY_WORKDAY, freeDayWatts: FAMILY_FREE_DAY };
const SHOP = { workdayWatts: SHOP_WORKDAY, freeDayWatts: SHOP_FREE_DAY };

/** Shares add up to 100. */
export const HOME_KINDS: readonly [HomeKind, ...HomeKind[]] = [
    { ...NONE, ...FLAT, name: 'flat', share: 32 },
    { ...NONE, ...FAMILY, name: 'family', share: 30 },
    { ...NONE, ...FLAT, name: 'electric-heating', share: 9, heatingWatts: 110 },
    { ...NONE, ...FAMILY, name: 'heat-pump', share: 8, heatingWatts: 55 },
    { ...NONE, ...FAMILY, name: 'electric-car', share: 8, chargerWatts: 7000 },
    { ...NONE, ...FAMILY, name: 'solar', share: 8, panelWatts: 4200 },
    { ...NONE, ...SHOP, name: 'shop', share: 5, isDomestic: false },
];

function hours(text: string): readonly number[] {
    const watts = text.trim().split(' ').map(Number);
    return Array.from({ length: 24 }, (_, hour) => watts[hour] ?? QUIET);
}
