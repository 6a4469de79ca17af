-- Tasks that ZEGOCLOUD is asked about: the app that asks, and when it asks next. NULL where nobody registered the task.
ALTER TABLE snapshots ADD COLUMN ask_app TEXT;
ALTER TABLE snapshots ADD COLUMN ask_due INTEGER;

-- A finished task is not in it: a callback costs no row more.
CREATE INDEX snapshots_pending ON snapshots (ask_app, ask_due) WHERE status = 'pending';

-- When an app may call ZEGOCLOUD's server API next: a row for each app, for all isolates together.
CREATE TABLE turns (
  appid TEXT PRIMARY KEY,
  next_at INTEGER NOT NULL,
  rested_at INTEGER NOT NULL DEFAULT 0,  -- when ZEGOCLOUD last said "too frequent"
  rest_ms INTEGER NOT NULL DEFAULT 0     -- how long the app was silent then
) WITHOUT ROWID;

-- Tasks of which two contents have come, for ZEGOCLOUD to say which is its own.
CREATE TABLE disputes (
  task_id TEXT NOT NULL,
  appid TEXT NOT NULL,
  vendor TEXT NOT NULL,
  since INTEGER NOT NULL,           -- when the last of them came
  due INTEGER NOT NULL,             -- when ZEGOCLOUD is asked
  PRIMARY KEY (task_id, appid, vendor)
) WITHOUT ROWID;

CREATE INDEX disputes_due ON disputes (appid, due);

-- The contents that were not stored, for the one that ZEGOCLOUD calls its own.
CREATE INDEX quarantine_disputed ON quarantine (task_id) WHERE reason IN ('conflict', 'signature_reused');
