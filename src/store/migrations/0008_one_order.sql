-- A row's place is when D1 stored it, on D1's clock: nothing is stored below a place that a reader of the feed has passed.
DROP TRIGGER IF EXISTS snapshots_stored;
DROP TRIGGER IF EXISTS snapshots_moved;
DROP TRIGGER IF EXISTS snapshots_left;
DROP TRIGGER IF EXISTS snapshots_lowered;

-- The task_id that the signature's content names. NULL where that is no snapshot, and where an earlier version entered it.
-- Not `task_id`: the version before joins tables in which only `snapshots` had one.
ALTER TABLE ledger ADD COLUMN task TEXT;
