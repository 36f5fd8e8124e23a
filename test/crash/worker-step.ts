import type { MasterFile } from './crash-home.ts';
import type { Delivery } from './crash-input.ts';

/** What a worker does next. Each group of deliveries is received by itself: one segment a feed. */
export type WorkerStep =
    | { readonly kind: 'receive'; readonly groups: readonly (readonly Delivery[])[] }
    | { readonly kind: 'parse' | 'parse marking first' | 'refresh' | 'compact' | 'replay' }
    | { readonly kind: 'draft'; readonly months: readonly string[] }
    | { readonly kind: 'load'; readonly files: readonly MasterFile[] };
