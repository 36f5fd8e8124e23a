import { exportBillLines } from '../billing/bill-lines-export.ts';
import { DIMENSION_NAMES } from '../contracts/lake-tables.ts';
import type { DatePeriod } from '../kernel/calendar-date.ts';
import { dimensionSnapshot } from '../lake/dimension-snapshot.ts';
import {
    closeOpenTables,
    type PublishedLog,
    publishOpenTables,
    rebuildOpenTables,
} from '../lake/open-tables.ts';
import type { Chain } from './chain.ts';

/**
 * Brings the tables that other programs read up to what is published: master data, bill lines (of periods that begin within `bills`, or
 * all), then the logs. Where the home has them switched off, it takes away those that are there.
 */
export async function publishOpen(
    { home, lake }: Pick<Chain, 'home' | 'lake'>,
    options: { readonly bills: 'all' | 'none' | DatePeriod; readonly rebuild?: boolean },
): Promise<PublishedLog[]> {
    // queries read them too
    for (const dimension of DIMENSION_NAMES) await dimensionSnapshot(lake, dimension);
    if (!home.openTables) {
        await closeOpenTables(lake);
        return [];
    }
    if (options.bills !== 'none')
        await exportBillLines(lake, options.bills === 'all' ? undefined : options.bills);
    return options.rebuild === true ? rebuildOpenTables(lake) : publishOpenTables(lake);
}
