-- Agreements, attributes of metering points and tariffs as files of the lake.

-- Which load of a kind was the last, which every query of these tables asks. An older gridtally does not know what to do with their files: with this migration it says that the home is of a newer one.
create index loads_by_kind on loads (kind, load_no);
