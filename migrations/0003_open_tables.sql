-- Tables of the lake that other programs read by a log of their own beside the files (Delta Lake). The log is made
-- from what stands here, and can be made again.

-- Smallest and largest values and numbers of nulls of the columns by which readers choose files; null: not looked
-- at yet, which the first step that publishes the file does.
alter table lake_files add column column_statistics jsonb;
create index lake_files_not_looked_at on lake_files (table_name) where column_statistics is null;

create index partition_files_by_added on partition_files (table_name, added_in);
create index partition_files_by_removed on partition_files (table_name, removed_in) where removed_in is not null;

create table open_tables (
    table_name text primary key,
    -- by which readers know the table again
    log_id uuid not null,
    -- version 0 holds what was live then
    opened_in bigint not null references commits
);

-- A version is what one commit made of the table. Where the first row is not version 0, the versions before it
-- named files that were swept since.
create table open_table_versions (
    table_name text not null references open_tables on delete cascade,
    version bigint not null check (version >= 0),
    commit_no bigint not null references commits,
    -- null: the log may not have it yet
    published_at timestamptz,
    primary key (table_name, version),
    unique (table_name, commit_no)
);
