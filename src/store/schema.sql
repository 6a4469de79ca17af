-- The whole schema, as a fresh database gets it. A database of an earlier version comes to the same by the files in
-- migrations/; a test compares the two. Times are milliseconds of Unix time.

-- The truth: one row for each screenshot task.
CREATE TABLE snapshots (
  -- When D1 stored it, in microseconds of its own clock: the order of lists and of the feed. As the rowid it costs no index.
  place INTEGER PRIMARY KEY,
  task_id TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL,             -- pending, completed, failed
  content TEXT,                     -- hash of what was said; NULL while pending
  delivery TEXT,                    -- the id of the write that made the row: tells "stored" from "duplicate"
  via TEXT,                         -- callback or query
  record TEXT NOT NULL,             -- JSON, as readers get it
  received_at INTEGER AS (place / 1000) VIRTUAL,  -- the name is the first version's: when it was stored
  -- The outbox: when each target is due again, NULL once it has the record.
  kv_due INTEGER,
  event_due INTEGER,
  unpublished_since INTEGER,        -- NULL where an operator has asked to publish it again
  kv_refused TEXT,                  -- why KV will never take it
  kv_until INTEGER,                 -- when the value in KV expires by itself; NULL: never, or not known
  kv_again INTEGER,                 -- when KV is due once more, since an earlier record may land over this one
  event_sent INTEGER AS (event_due IS NULL) VIRTUAL,
  publish_at INTEGER AS (min(coalesce(kv_due, event_due), coalesce(event_due, kv_due))) VIRTUAL,
  -- The app that asks ZEGOCLOUD about it, and when it asks next. NULL where nobody registered the task.
  ask_app TEXT,
  ask_due INTEGER,
  late INTEGER                      -- read by the version before alone
);

-- Rows whose event is missing come first, whatever KV does: a resting KV never holds back the queue.
CREATE INDEX snapshots_unpublished ON snapshots (event_sent, publish_at) WHERE publish_at IS NOT NULL;
-- A finished task is not in it: a callback costs no row more.
CREATE INDEX snapshots_pending ON snapshots (ask_app, ask_due) WHERE status = 'pending';
-- Lists by status: what is completed, nearly every row, never enters. The rowid, `place`, comes with it.
CREATE INDEX snapshots_unfinished ON snapshots (status) WHERE status <> 'completed';
-- Results that KV refused for good, for whoever counts them.
CREATE INDEX snapshots_refused ON snapshots (place) WHERE kv_refused IS NOT NULL;
-- For the version before, and for a reader with a cursor of it.
CREATE INDEX snapshots_late ON snapshots (late) WHERE late IS NOT NULL;

-- Every signature that came, and the one content it is good for.
CREATE TABLE ledger (
  signature TEXT PRIMARY KEY,       -- hex, lower case
  content TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  latest_claim INTEGER NOT NULL,    -- the latest timestamp that its characters can be split into
  task TEXT                         -- the task_id that the content names; NULL where it is no snapshot
) WITHOUT ROWID;

-- Callbacks that are not stored as results.
CREATE TABLE quarantine (
  id TEXT PRIMARY KEY,              -- reason:content; of what was not verified also a hash of its signature
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  signature TEXT NOT NULL,
  task_id TEXT,
  received_at INTEGER NOT NULL,
  kept_at INTEGER,                  -- when it was put here: a record that lost was received long before
  body TEXT NOT NULL,               -- as it was received; a body that is no UTF-8 is a BLOB
  content_type TEXT,
  content_encoding TEXT,
  path TEXT,                        -- where it was POSTed
  event TEXT,                       -- of a callback that is no snapshot
  age_seconds INTEGER,              -- of a stale one, negative from the future
  acknowledged INTEGER,             -- 1 where it was answered 202 before it was settled: no bound drops it
  -- A dispute: the app and the vendor to ask ZEGOCLOUD about, and when. NULL where there is nothing to ask.
  ask_app TEXT,
  ask_vendor TEXT,
  ask_due INTEGER,
  -- A second look at what could not be verified or read: when the version was made that refused it last, until when an
  -- invocation has claimed it, and how many have since.
  refused_by INTEGER NOT NULL DEFAULT 0,
  look_due INTEGER,
  looks INTEGER NOT NULL DEFAULT 0,
  looked_by TEXT                    -- read by the version before alone
);

CREATE INDEX quarantine_signature ON quarantine (signature, reason);
CREATE INDEX quarantine_newest ON quarantine (received_at);
CREATE INDEX quarantine_reason ON quarantine (reason, received_at);
CREATE INDEX quarantine_task ON quarantine (task_id, received_at) WHERE task_id IS NOT NULL;
CREATE INDEX quarantine_ask ON quarantine (ask_app, ask_due) WHERE ask_due IS NOT NULL;
CREATE INDEX quarantine_second_look ON quarantine (refused_by, look_due)
  WHERE reason IN ('bad_signature', 'not_configured', 'wrong_path', 'undecodable');

-- How much is in each bucket, since counting would read it all. `reason` is the bucket's name.
CREATE TABLE quarantine_counts (
  reason TEXT PRIMARY KEY,
  count INTEGER NOT NULL,
  last_at INTEGER,                  -- when the last one was taken
  large_bytes INTEGER NOT NULL DEFAULT 0  -- read by the version before alone
) WITHOUT ROWID;

-- The buckets that an entry counts in: `<reason>` by one; `<reason>:large` by its bytes, where its body is larger than
-- 32 KB; or, where it was answered 202 and no bound drops it, `<reason>:acknowledged` alone.
CREATE VIEW quarantine_buckets (entry, bucket, amount, kept_at) AS
  SELECT rowid, reason || iif(acknowledged = 1, ':acknowledged', ''), 1, coalesce(kept_at, received_at) FROM quarantine
  UNION ALL
  SELECT rowid, reason || ':large', octet_length(body), coalesce(kept_at, received_at) FROM quarantine
  WHERE acknowledged IS NULL AND octet_length(body) > 32768;

-- Triggers, so that no statement can forget it; each on one line, since a statement ends with a semicolon at a line's end.
CREATE TRIGGER quarantine_entered AFTER INSERT ON quarantine BEGIN INSERT INTO quarantine_counts (reason, count, last_at) SELECT bucket, amount, kept_at FROM quarantine_buckets WHERE entry = NEW.rowid ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at; END;
CREATE TRIGGER quarantine_left BEFORE DELETE ON quarantine BEGIN UPDATE quarantine_counts SET count = count - (SELECT amount FROM quarantine_buckets WHERE entry = OLD.rowid AND bucket = reason) WHERE reason IN (SELECT bucket FROM quarantine_buckets WHERE entry = OLD.rowid); END;
CREATE TRIGGER quarantine_unbounded BEFORE UPDATE OF acknowledged ON quarantine BEGIN UPDATE quarantine_counts SET count = count - (SELECT amount FROM quarantine_buckets WHERE entry = OLD.rowid AND bucket = reason) WHERE reason IN (SELECT bucket FROM quarantine_buckets WHERE entry = OLD.rowid); END;
CREATE TRIGGER quarantine_acknowledged AFTER UPDATE OF acknowledged ON quarantine BEGIN INSERT INTO quarantine_counts (reason, count, last_at) SELECT bucket, amount, kept_at FROM quarantine_buckets WHERE entry = NEW.rowid ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at; END;

-- Results that were deleted: they are not stored again, and their value still has to leave KV while `kv_due` is set.
CREATE TABLE removals (
  task_id TEXT NOT NULL,
  content TEXT NOT NULL,            -- '' where only the value in KV matters, '*' where no result was there
  removed_at INTEGER NOT NULL,
  kv_due INTEGER,
  PRIMARY KEY (task_id, content)
) WITHOUT ROWID;
CREATE INDEX removals_due ON removals (kv_due) WHERE kv_due IS NOT NULL;

-- When an app may call ZEGOCLOUD's server API next: a row for each app, for all isolates together.
CREATE TABLE turns (
  appid TEXT PRIMARY KEY,
  next_at INTEGER NOT NULL,
  rested_at INTEGER NOT NULL DEFAULT 0,  -- when ZEGOCLOUD last said "too frequent"
  rest_ms INTEGER NOT NULL DEFAULT 0     -- how long the app was silent then
) WITHOUT ROWID;

-- What D1 cannot count, and what was told or noted last.
CREATE TABLE state (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,              -- JSON
  changed_at INTEGER NOT NULL
) WITHOUT ROWID;
