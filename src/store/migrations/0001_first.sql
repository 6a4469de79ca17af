-- The truth: one row for each screenshot task. Times are milliseconds of Unix time.
CREATE TABLE snapshots (
  -- received_at * 1000 and a count: the order of lists. As the rowid it costs no index, and a row is written once less.
  place INTEGER PRIMARY KEY,
  task_id TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL,             -- pending, completed, failed
  content TEXT,                     -- hash of what was said; NULL while pending
  delivery TEXT,                    -- the request that wrote the row: tells "stored" from "duplicate"
  via TEXT,                         -- callback or query
  record TEXT NOT NULL,             -- JSON, as readers get it
  received_at INTEGER AS (place / 1000) VIRTUAL,  -- registered_at while pending
  -- The outbox: when each target is due again, NULL once it has the record.
  kv_due INTEGER,
  event_due INTEGER,
  unpublished_since INTEGER,
  kv_refused TEXT,                  -- why KV will never take it
  event_sent INTEGER AS (event_due IS NULL) VIRTUAL,
  publish_at INTEGER AS (min(coalesce(kv_due, event_due), coalesce(event_due, kv_due))) VIRTUAL
);

-- Rows whose event is missing come first, whatever KV does: a resting KV never holds back the queue.
CREATE INDEX snapshots_unpublished ON snapshots (event_sent, publish_at) WHERE publish_at IS NOT NULL;

-- Every signature that came, and the one content it is good for.
CREATE TABLE ledger (
  signature TEXT PRIMARY KEY,       -- hex, lower case
  content TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  latest_claim INTEGER NOT NULL     -- the latest timestamp that its characters can be split into
) WITHOUT ROWID;

-- Authentic callbacks that are no snapshot we can use, and evidence of forged ones.
CREATE TABLE quarantine (
  id TEXT PRIMARY KEY,              -- reason:content
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  signature TEXT NOT NULL,
  task_id TEXT,
  received_at INTEGER NOT NULL,
  body TEXT NOT NULL                -- as it was received
);

CREATE INDEX quarantine_signature ON quarantine (signature, reason);
CREATE INDEX quarantine_newest ON quarantine (received_at);
CREATE INDEX quarantine_reason ON quarantine (reason, received_at);

-- What is known of the parts that D1 cannot count, such as the callbacks that wait in ASIDE.
CREATE TABLE state (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,              -- JSON
  changed_at INTEGER NOT NULL
) WITHOUT ROWID;
