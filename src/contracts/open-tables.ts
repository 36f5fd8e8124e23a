import {
    BILL_LINES,
    DIMENSIONS,
    type Dimension,
    type LakeColumn,
    READS_DAILY,
    READS_HOURLY,
    READS_INTERVAL,
} from './lake-tables.ts';

/** A table that other programs read without gridtally: its files, and a Delta log beside them (docs/open-tables.md). */
export interface OpenTable {
    readonly description: string;
    readonly columns: readonly LakeColumn[];
    /** Columns by whose smallest and largest values readers choose files; days, instants and whole numbers. */
    readonly chosenBy: readonly string[];
    /** Tables of one name here get their versions together, so that equal versions are of one commit. */
    readonly versionedAs: 'readings' | Dimension | 'bills';
}

export const OPEN_TABLES = {
    reads_interval: {
        description: 'One row per channel and interval that has a value.',
        columns: READS_INTERVAL,
        chosenBy: ['market_day', 'channel_no', 'period_from'],
        versionedAs: 'readings',
    },
    reads_hourly: {
        description:
            'One row per channel and hour of the market day in which the channel should read, or did.',
        columns: READS_HOURLY,
        chosenBy: ['market_day', 'channel_no', 'hour_from'],
        versionedAs: 'readings',
    },
    reads_daily: {
        description: 'One row per channel and market day on which the channel should read, or did.',
        columns: READS_DAILY,
        chosenBy: ['market_day', 'channel_no'],
        versionedAs: 'readings',
    },
    channels: {
        description:
            'One row per channel: the meter, register and metering point that channel_no stands for.',
        columns: DIMENSIONS.channels,
        chosenBy: ['channel_no'],
        versionedAs: 'channels',
    },
    agreements: {
        description:
            'One row per agreement and validity: who is billed for a metering point, on which tariff.',
        columns: DIMENSIONS.agreements,
        chosenBy: ['move_in', 'move_out'],
        versionedAs: 'agreements',
    },
    metering_point_attributes: {
        description: 'One row per metering point, attribute and validity, such as its region.',
        columns: DIMENSIONS.metering_point_attributes,
        chosenBy: ['valid_from', 'valid_to'],
        versionedAs: 'metering_point_attributes',
    },
    tariffs: {
        description: 'One row per tariff and validity, with its structure as JSON.',
        columns: DIMENSIONS.tariffs,
        chosenBy: ['valid_from', 'valid_to'],
        versionedAs: 'tariffs',
    },
    bill_lines: {
        description: 'One row per line of a bill.',
        columns: BILL_LINES,
        chosenBy: ['period_start', 'service_from', 'service_to'],
        versionedAs: 'bills',
    },
} as const satisfies Readonly<Record<string, OpenTable>>;

export type OpenTableName = keyof typeof OPEN_TABLES;

export const OPEN_TABLE_NAMES = Object.keys(OPEN_TABLES) as OpenTableName[];
