-- Lists by status: what is completed, nearly every row, never enters. The rowid, `place`, comes with it.
CREATE INDEX snapshots_unfinished ON snapshots (status) WHERE status <> 'completed';

-- When it was put into the quarantine, where that is not when it was received: what an old record lost to is new.
ALTER TABLE quarantine ADD COLUMN kept_at INTEGER;
