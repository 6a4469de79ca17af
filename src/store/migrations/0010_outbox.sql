-- When KV has to be written once more although the newest record is there: an earlier record was on its way to KV when
-- this one replaced it, and may land over it. NULL where none was.
ALTER TABLE snapshots ADD COLUMN kv_again INTEGER;
