import { assert } from './errors.ts';

/** A text that names one kind of thing: the compiler refuses to take one kind for another. */
type TextId<Kind extends string> = string & { readonly __brand: Kind };
type NumberId<Kind extends string> = number & { readonly __brand: Kind };

/** The market's identifier of the place where energy is measured: NMI, MPAN, GSRN, ESPI UsagePoint. */
export type MeteringPointId = TextId<'MeteringPointId'>;
/** The outside identifier of the physical device. */
export type MeterId = TextId<'MeterId'>;
export type CustomerId = TextId<'CustomerId'>;
export type AccountId = TextId<'AccountId'>;
export type AgreementId = TextId<'AgreementId'>;
export type TariffId = TextId<'TariffId'>;
export type BillId = TextId<'BillId'>;
/** Names a feed in contracts, on the command line and in file names. */
export type FeedName = TextId<'FeedName'>;
/** Answers "did you get it?": given to the sender when a payload is durable. */
export type ReceiptId = TextId<'ReceiptId'>;
/** Inside the home, one register of one meter installation at one metering point; counts from 1. */
export type ChannelNo = NumberId<'ChannelNo'>;
/** A range of channel numbers, the unit of parallel work; counts from 0. */
export type BucketNo = NumberId<'BucketNo'>;
/** The order in which payloads were received, home-wide; counts from 1. */
export type ReceiptSequence = NumberId<'ReceiptSequence'>;

export const meteringPointId = textId<MeteringPointId>('metering point id');
export const meterId = textId<MeterId>('meter id');
export const customerId = textId<CustomerId>('customer id');
export const accountId = textId<AccountId>('account id');
export const agreementId = textId<AgreementId>('agreement id');
export const tariffId = textId<TariffId>('tariff id');
export const billId = textId<BillId>('bill id');
export const receiptId = textId<ReceiptId>('receipt id');
export const channelNo = numberId<ChannelNo>('channel number', 1);
export const bucketNo = numberId<BucketNo>('bucket number', 0);
export const receiptSequence = numberId<ReceiptSequence>('receipt sequence', 1);

const FEED_NAME = /^[a-z][a-z0-9_-]{0,62}$/;

/** Whether a text may name a feed: it becomes part of file names, so it is narrow. */
export function isFeedName(text: string): text is FeedName {
    return FEED_NAME.test(text);
}

/** Asserts `isFeedName`; input from people is checked with `isFeedName` first. */
export function feedName(text: string): FeedName {
    assert(isFeedName(text), `${JSON.stringify(text)} is the name of a feed`);
    return text;
}

function textId<Id extends string>(kind: string): (text: string) => Id {
    return (text) => {
        assert(text !== '' && text === text.trim(), `a ${kind} is not empty and has no blanks around it`);
        return text as Id;
    };
}

function numberId<Id extends number>(kind: string, least: number): (n: number) => Id {
    return (n) => {
        assert(Number.isSafeInteger(n) && n >= least, `${n} is a ${kind}`);
        return n as Id;
    };
}
