-- Where lines begin in large payloads.

-- Of a payload that was read in place: its blocks, all of one size but for the last. A question about a meter then reads the few blocks in which its lines may be,
-- each compared with its checksum, and their lines have their numbers. Of a payload without a row here all is read.
create table payload_outlines (
    sequence bigint primary key,
    segment_no bigint not null references segments on delete cascade,
    block_bytes integer not null check (block_bytes > 0),
    -- CRC-32 of each block, as a signed number
    checksums integer[] not null,
    line_ends integer[] not null,
    -- where the first line begins that does so in the block; -1: none does
    line_starts integer[] not null,
    -- that line; blank where it does not end in the block
    first_lines text[] not null,
    check (cardinality(checksums) = cardinality(line_ends)),
    check (cardinality(line_starts) = cardinality(line_ends) and cardinality(first_lines) = cardinality(line_ends))
);
create index payload_outlines_by_segment on payload_outlines (segment_no);
