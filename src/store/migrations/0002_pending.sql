ALTER TABLE snapshots ADD COLUMN ask_app TEXT;
ALTER TABLE snapshots ADD COLUMN ask_due INTEGER;

CREATE INDEX snapshots_pending ON snapshots (ask_app, ask_due) WHERE status = 'pending';

CREATE TABLE turns (
  appid TEXT PRIMARY KEY,
  next_at INTEGER NOT NULL,
  rested_at INTEGER NOT NULL DEFAULT 0,
  rest_ms INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE disputes (
  task_id TEXT NOT NULL,
  appid TEXT NOT NULL,
  vendor TEXT NOT NULL,
  since INTEGER NOT NULL,
  due INTEGER NOT NULL,
  PRIMARY KEY (task_id, appid, vendor)
) WITHOUT ROWID;

CREATE INDEX disputes_due ON disputes (appid, due);

CREATE INDEX quarantine_disputed ON quarantine (task_id) WHERE reason IN ('conflict', 'signature_reused');
