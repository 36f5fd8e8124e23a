-- Of most intervals one version comes, in files that the plain path wrote and looked through: where a partition has little else, curation need not
-- look for intervals of which there are several.

-- No interval of a channel is in the file twice. False: not known.
alter table lake_files add column has_each_interval_once boolean not null default false;
