-- When a segment was acknowledged: stamped within its commit, one commit at a time, and always later than
-- the one before it. "As known at T" goes by it. received_at is when the bytes began to be written.

alter table segments add column acknowledged_at timestamptz;
update segments set acknowledged_at = received_at;
alter table segments alter column acknowledged_at set not null;
create index segments_by_acknowledgement on segments (acknowledged_at);
