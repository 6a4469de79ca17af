-- A row's place is when D1 stored it, on D1's clock: nothing is stored below a place that a reader of the feed has passed.
DROP TRIGGER IF EXISTS snapshots_stored;
DROP TRIGGER IF EXISTS snapshots_moved;
DROP TRIGGER IF EXISTS snapshots_left;
DROP TRIGGER IF EXISTS snapshots_lowered;

-- The task_id that the signature's content names. NULL where that is no snapshot, and where an earlier version entered it.
-- Not `task_id`: the version before joins tables in which only `snapshots` had one.
ALTER TABLE ledger ADD COLUMN task TEXT;

-- A second look at what could not be verified or read: the version that refused it last, as the time at which that version
-- was made, so that only a newer one looks again. 0: an earlier code refused it, and told no time.
ALTER TABLE quarantine ADD COLUMN refused_by INTEGER NOT NULL DEFAULT 0;
-- Until when an invocation has claimed it, and how many have since it was refused last.
ALTER TABLE quarantine ADD COLUMN look_due INTEGER;
ALTER TABLE quarantine ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;
DROP INDEX IF EXISTS quarantine_unverified;
CREATE INDEX IF NOT EXISTS quarantine_second_look ON quarantine (refused_by, look_due)
  WHERE reason IN ('bad_signature', 'not_configured', 'wrong_path', 'undecodable');

-- The buckets that an entry counts in: `<reason>` by one; `<reason>:large` by its bytes, where its body is larger than
-- 32 KB; or, where it was answered 202 and no bound drops it, `<reason>:acknowledged` alone.
CREATE VIEW IF NOT EXISTS quarantine_buckets (entry, bucket, amount, kept_at) AS
  SELECT rowid, reason || iif(acknowledged = 1, ':acknowledged', ''), 1, coalesce(kept_at, received_at) FROM quarantine
  UNION ALL
  SELECT rowid, reason || ':large', octet_length(body), coalesce(kept_at, received_at) FROM quarantine
  WHERE acknowledged IS NULL AND octet_length(body) > 32768;

-- How much is in each bucket: counting would read it all. Triggers, so that no statement can forget it. `reason` is the
-- bucket's name; `large_bytes` stays for the version before.
ALTER TABLE quarantine_counts ADD COLUMN last_at INTEGER; -- when the last one was taken
DROP TRIGGER IF EXISTS quarantine_added;
DROP TRIGGER IF EXISTS quarantine_removed;
DROP TRIGGER IF EXISTS quarantine_grew;
DROP TRIGGER IF EXISTS quarantine_shrank;
DROP TRIGGER IF EXISTS quarantine_made_room;
DELETE FROM state WHERE name LIKE 'full:%';
DELETE FROM quarantine_counts;
INSERT INTO quarantine_counts (reason, count, last_at) SELECT bucket, sum(amount), max(kept_at) FROM quarantine_buckets GROUP BY bucket;
CREATE TRIGGER IF NOT EXISTS quarantine_entered AFTER INSERT ON quarantine BEGIN INSERT INTO quarantine_counts (reason, count, last_at) SELECT bucket, amount, kept_at FROM quarantine_buckets WHERE entry = NEW.rowid ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at; END;
CREATE TRIGGER IF NOT EXISTS quarantine_left BEFORE DELETE ON quarantine BEGIN UPDATE quarantine_counts SET count = count - (SELECT amount FROM quarantine_buckets WHERE entry = OLD.rowid AND bucket = reason) WHERE reason IN (SELECT bucket FROM quarantine_buckets WHERE entry = OLD.rowid); END;
CREATE TRIGGER IF NOT EXISTS quarantine_unbounded BEFORE UPDATE OF acknowledged ON quarantine BEGIN UPDATE quarantine_counts SET count = count - (SELECT amount FROM quarantine_buckets WHERE entry = OLD.rowid AND bucket = reason) WHERE reason IN (SELECT bucket FROM quarantine_buckets WHERE entry = OLD.rowid); END;
CREATE TRIGGER IF NOT EXISTS quarantine_acknowledged AFTER UPDATE OF acknowledged ON quarantine BEGIN INSERT INTO quarantine_counts (reason, count, last_at) SELECT bucket, amount, kept_at FROM quarantine_buckets WHERE entry = NEW.rowid ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at; END;

-- When KV has to be written once more although the newest record is there: an earlier record was on its way to KV when
-- this one replaced it, and may land over it. NULL where none was.
ALTER TABLE snapshots ADD COLUMN kv_again INTEGER;

-- Asked about since the fourth migration through the quarantine's own columns.
DROP TABLE IF EXISTS disputes;
