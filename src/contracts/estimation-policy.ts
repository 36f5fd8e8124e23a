/** How an interval that no feed gave a value for is estimated (docs/estimation.md). */
export const ESTIMATION_METHODS = ['register-scaled', 'linear', 'like-day', 'load-shape', 'flat'] as const;
export type EstimationMethod = (typeof ESTIMATION_METHODS)[number];

/** What makes days alike: Norway goes by kinds of days, California by the same day of the week. */
export const LIKE_DAYS_BY = ['kind', 'weekday'] as const;
export type LikeDaysBy = (typeof LIKE_DAYS_BY)[number];

/** A value for each half-hour of the local day from 00:00 on, in millionths; only ratios between values of one shape mean anything. */
export interface LoadShapeSeason {
    /** First day of the season, as `04-01`; it lasts until the next one begins, over the turn of the year. */
    readonly from: string;
    readonly weekday: readonly number[];
    readonly saturday: readonly number[];
    /** Holidays too. */
    readonly sunday: readonly number[];
}

/** In the order of the year; there is at least one. */
export type LoadShape = readonly LoadShapeSeason[];

/** By class of metering point. */
export type LoadShapes = Readonly<Record<string, LoadShape>>;

export interface EstimationPolicy {
    /** In the order in which they are tried; none: nothing is estimated. */
    readonly methods: readonly EstimationMethod[];
    /** `register-scaled`: days from one register read to the next, at most. */
    readonly registerDays: number;
    /** `linear`: length of the longest gap. */
    readonly linearMinutes: number;
    /** `like-day`: whether days are alike by their kind (weekday, Saturday, or Sunday and holiday), or by the day of the week. */
    readonly likeDaysBy: LikeDaysBy;
    /** `like-day`: values that a mean is of, where there are so many. */
    readonly likeDays: number;
    /** `like-day`: the nearest like days that are looked at for them. */
    readonly likeDaysLookedAt: number;
    /** `like-day`: how far back, in days. */
    readonly lookBackDays: number;
    /** `load-shape`: none where no file is named. */
    readonly loadShapes: LoadShapes;
    /** `load-shape`: attribute of a metering point that says the energy it takes in a year, in kWh. */
    readonly annualConsumptionAttribute: string;
    /** Its days count as Sundays. */
    readonly holidaySet: string | null;
}

export const DEFAULT_ESTIMATION: EstimationPolicy = {
    methods: ['register-scaled', 'linear', 'like-day', 'load-shape', 'flat'],
    registerDays: 40,
    linearMinutes: 120,
    likeDaysBy: 'kind',
    likeDays: 3,
    likeDaysLookedAt: 5,
    lookBackDays: 28,
    loadShapes: {},
    annualConsumptionAttribute: 'annual_consumption',
    holidaySet: null,
};
