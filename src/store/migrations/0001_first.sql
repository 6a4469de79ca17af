CREATE TABLE snapshots (
  place INTEGER PRIMARY KEY,
  task_id TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL,
  content TEXT,
  delivery TEXT,
  via TEXT,
  record TEXT NOT NULL,
  received_at INTEGER AS (place / 1000) VIRTUAL,
  kv_due INTEGER,
  event_due INTEGER,
  unpublished_since INTEGER,
  kv_refused TEXT,
  event_sent INTEGER AS (event_due IS NULL) VIRTUAL,
  publish_at INTEGER AS (min(coalesce(kv_due, event_due), coalesce(event_due, kv_due))) VIRTUAL
);

CREATE INDEX snapshots_unpublished ON snapshots (event_sent, publish_at) WHERE publish_at IS NOT NULL;

CREATE TABLE ledger (
  signature TEXT PRIMARY KEY,
  content TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  latest_claim INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE quarantine (
  id TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  signature TEXT NOT NULL,
  task_id TEXT,
  received_at INTEGER NOT NULL,
  body TEXT NOT NULL
);

CREATE INDEX quarantine_signature ON quarantine (signature, reason);
CREATE INDEX quarantine_newest ON quarantine (received_at);
CREATE INDEX quarantine_reason ON quarantine (reason, received_at);

CREATE TABLE state (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  changed_at INTEGER NOT NULL
) WITHOUT ROWID;
