/**
 * What can go wrong between a meter and the platform, with what one unit of its rate is. A rate is a probability for each such
 * unit; those of a delivered file are expected numbers and may exceed 1.
 */
export const FLAWS = {
    corrected: 'interval: one or two newer values follow, some days later',
    missing: 'interval: never delivered',
    'reported-missing': 'interval: delivered as missing, without a value',
    estimated: 'interval: an estimate first, the measured value some days later',
    'estimated-only': 'interval: an estimate that nothing replaces',
    'stale-estimate': 'interval: an estimate arrives after the measured value, and loses',
    withdrawn: 'interval: taken back some days later',
    'clock-drift': 'interval: stamped off the grid',
    'wrong-unit': 'interval: in a unit that is no energy',
    'other-unit': 'interval: in Wh, MWh or kW, which is right',
    'garbage-row': 'interval: a line that nobody can read as a reading',
    late: 'channel and day: delivered days later',
    'duplicated-rows': 'channel and day: the same rows again inside another file',
    'unknown-meter': 'channel and day: a row of a meter that nobody ever registers',
    'out-of-order': 'file: lines shuffled, and delivered after later files',
    'duplicated-file': 'file: the same bytes again under another name',
    'garbage-file': 'file: another one that is binary, cut off, empty or not UTF-8',
    'changed-format': 'file: another one with columns renamed, added, dropped, doubled or moved',
    'not-registered': 'home: delivers before master data know it, and is loaded late',
    exchanged: 'home: gets another meter in the middle of the time',
    moved: 'home: changes hands in the middle of the time',
} as const;

export type Flaw = keyof typeof FLAWS;

export type FlawRates = Readonly<Partial<Record<Flaw, number>>>;

/** In the order in which one random number chooses among them. */
export const INTERVAL_FLAWS = [
    'corrected',
    'missing',
    'reported-missing',
    'estimated',
    'estimated-only',
    'stale-estimate',
    'withdrawn',
    'clock-drift',
    'wrong-unit',
    'other-unit',
    'garbage-row',
] as const satisfies readonly Flaw[];

export type IntervalFlaw = (typeof INTERVAL_FLAWS)[number];

/** About what a well-run head-end system shows: for demonstrations. */
export const REALISTIC_FLAWS: FlawRates = {
    corrected: 0.002,
    missing: 0.0015,
    'reported-missing': 0.0005,
    estimated: 0.002,
    'estimated-only': 0.001,
    'stale-estimate': 0.0001,
    withdrawn: 0.0002,
    'clock-drift': 0.0002,
    'wrong-unit': 0.0001,
    'other-unit': 0.001,
    'garbage-row': 0.0002,
    late: 0.01,
    'duplicated-rows': 0.002,
    'unknown-meter': 0.0002,
    'out-of-order': 0.03,
    'duplicated-file': 0.03,
    'garbage-file': 0.04,
    'changed-format': 0.03,
    'not-registered': 0.005,
    exchanged: 0.01,
    moved: 0.03,
};

/** Everything at once and often: for tests. */
export const EVERY_FLAW: FlawRates = {
    corrected: 0.02,
    missing: 0.02,
    'reported-missing': 0.01,
    estimated: 0.02,
    'estimated-only': 0.01,
    'stale-estimate': 0.01,
    withdrawn: 0.01,
    'clock-drift': 0.015,
    'wrong-unit': 0.01,
    'other-unit': 0.02,
    'garbage-row': 0.03,
    late: 0.05,
    'duplicated-rows': 0.04,
    'unknown-meter': 0.05,
    'out-of-order': 0.2,
    'duplicated-file': 0.2,
    'garbage-file': 0.5,
    'changed-format': 0.5,
    'not-registered': 0.15,
    exchanged: 0.2,
    moved: 0.2,
};

/** What must become of a flawed thing. */
export type Outcome =
    | 'accepted'
    | 'superseded'
    | 'duplicate'
    | 'duplicate_of_superseded'
    | 'quarantined'
    | 'waiting'
    | 'released'
    | 'file_refused'
    | 'missing'
    | 'recorded';
