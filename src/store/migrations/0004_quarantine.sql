ALTER TABLE quarantine ADD COLUMN content_type TEXT;
ALTER TABLE quarantine ADD COLUMN content_encoding TEXT;
ALTER TABLE quarantine ADD COLUMN path TEXT;

ALTER TABLE quarantine ADD COLUMN event TEXT;
ALTER TABLE quarantine ADD COLUMN age_seconds INTEGER;

ALTER TABLE quarantine ADD COLUMN acknowledged INTEGER;

ALTER TABLE quarantine ADD COLUMN ask_app TEXT;
ALTER TABLE quarantine ADD COLUMN ask_vendor TEXT;
ALTER TABLE quarantine ADD COLUMN ask_due INTEGER;
CREATE INDEX IF NOT EXISTS quarantine_ask ON quarantine (ask_app, ask_due) WHERE ask_due IS NOT NULL;

ALTER TABLE quarantine ADD COLUMN looked_by TEXT;
CREATE INDEX IF NOT EXISTS quarantine_unverified ON quarantine (looked_by)
  WHERE reason IN ('bad_signature', 'not_configured', 'wrong_path', 'undecodable');

DROP INDEX IF EXISTS quarantine_disputed;
CREATE INDEX IF NOT EXISTS quarantine_task ON quarantine (task_id, received_at) WHERE task_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS quarantine_counts (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO quarantine_counts (reason, count) SELECT reason, count(*) FROM quarantine GROUP BY reason
  ON CONFLICT (reason) DO UPDATE SET count = excluded.count;
CREATE TRIGGER IF NOT EXISTS quarantine_added AFTER INSERT ON quarantine BEGIN INSERT INTO quarantine_counts (reason, count) VALUES (NEW.reason, 1) ON CONFLICT (reason) DO UPDATE SET count = count + 1; END;
CREATE TRIGGER IF NOT EXISTS quarantine_removed AFTER DELETE ON quarantine BEGIN UPDATE quarantine_counts SET count = count - 1 WHERE reason = OLD.reason; END;
