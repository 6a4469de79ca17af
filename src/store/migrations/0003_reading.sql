CREATE INDEX snapshots_unfinished ON snapshots (status) WHERE status <> 'completed';

ALTER TABLE quarantine ADD COLUMN kept_at INTEGER;
