-- Contracts that hold: what an older contract refused or quarantined is judged again by a newer one, and nothing
-- of the first judgement is lost.

-- A payload may be refused under one contract and again, or no longer, under a later one. `superseded_by` is the
-- contract whose judgement took its place; null: the refusal stands.
alter table refused_payloads drop constraint refused_payloads_pkey;
alter table refused_payloads add primary key (sequence, contract_no);
alter table refused_payloads add column superseded_by integer check (superseded_by > contract_no);
create unique index refused_payloads_standing on refused_payloads (sequence) where superseded_by is null;
create index refused_payloads_by_segment on refused_payloads (segment_no);

-- Each time a segment was judged again: by which contract, what had been counted before, and the commit that
-- entered it. The newest one is what the segment's counts in `segments.parse_stats` are by.
create table segment_replays (
    segment_no bigint not null references segments on delete cascade,
    contract_no integer not null,
    commit_no bigint not null,
    replayed_at timestamptz not null,
    stats_before jsonb not null,
    primary key (segment_no, contract_no)
);

-- Segments that a new contract may have something to say about: few, where most files are right.
create index segments_with_faults on segments (feed_id, segment_no)
    where coalesce((parse_stats ->> 'quarantined')::bigint, 0) + coalesce((parse_stats ->> 'refused')::bigint, 0) > 0;

-- A payload that was accepted although something about it is odd, by a rule that the contract only marks.
create table flagged_payloads (
    sequence bigint not null,
    segment_no bigint not null references segments on delete cascade,
    feed_id smallint not null references feeds,
    contract_no integer not null,
    source_key text not null,
    rule_id text not null,
    message text not null,
    flagged_at timestamptz not null,
    primary key (sequence, contract_no, rule_id)
);
