ALTER TABLE snapshots ADD COLUMN kv_until INTEGER;

CREATE TABLE IF NOT EXISTS removals (
  task_id TEXT NOT NULL,
  content TEXT NOT NULL,
  removed_at INTEGER NOT NULL,
  kv_due INTEGER,
  PRIMARY KEY (task_id, content)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS removals_due ON removals (kv_due) WHERE kv_due IS NOT NULL;

CREATE INDEX IF NOT EXISTS snapshots_refused ON snapshots (place) WHERE kv_refused IS NOT NULL;
