-- When the value in KV expires by itself, in milliseconds. NULL: never, or not known.
ALTER TABLE snapshots ADD COLUMN kv_until INTEGER;

-- Results that were deleted: their content is not stored again, and their value still has to leave KV while `kv_due` is set.
CREATE TABLE IF NOT EXISTS removals (
  task_id TEXT NOT NULL,
  content TEXT NOT NULL,
  removed_at INTEGER NOT NULL,
  kv_due INTEGER,
  PRIMARY KEY (task_id, content)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS removals_due ON removals (kv_due) WHERE kv_due IS NOT NULL;

-- Results that KV refused for good, for whoever counts them.
CREATE INDEX IF NOT EXISTS snapshots_refused ON snapshots (place) WHERE kv_refused IS NOT NULL;
