/** How an interval that no feed gave a value for is estimated (docs/estimation.md). */
export const ESTIMATION_METHODS = ['register-scaled', 'linear', 'like-day', 'flat'] as const;
export type EstimationMethod = (typeof ESTIMATION_METHODS)[number];

export interface EstimationPolicy {
    /** In the order in which they are tried; none: nothing is estimated. */
    readonly methods: readonly EstimationMethod[];
    /** `register-scaled`: days from one register read to the next, at most. */
    readonly registerDays: number;
    /** `linear`: length of the longest gap. */
    readonly linearMinutes: number;
    /** `like-day`: values that a mean is of, where there are so many. */
    readonly likeDays: number;
    /** `like-day`: the nearest like days that are looked at for them. */
    readonly likeDaysLookedAt: number;
    /** `like-day`: how far back, in days. */
    readonly lookBackDays: number;
    /** Its days count as Sundays. */
    readonly holidaySet: string | null;
}

export const DEFAULT_ESTIMATION: EstimationPolicy = {
    methods: ['register-scaled', 'linear', 'like-day', 'flat'],
    registerDays: 40,
    linearMinutes: 120,
    likeDays: 3,
    likeDaysLookedAt: 5,
    lookBackDays: 28,
    holidaySet: null,
};
