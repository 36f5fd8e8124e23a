-- What need not be looked through again.

-- Of most intervals one version comes, in files that were read in place and looked through: where a partition has little else, curation does not
-- look for intervals of which there are several. True: no interval of a channel is in the file twice; false: not known.
alter table lake_files add column has_each_interval_once boolean not null default false;

-- When rows were judged last, which every batch and every load asks.
create index segments_by_parsed_at on segments (parsed_at);
create index segment_replays_by_replayed_at on segment_replays (replayed_at);
