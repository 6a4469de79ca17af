ALTER TABLE quarantine_counts ADD COLUMN large_bytes INTEGER NOT NULL DEFAULT 0;
INSERT INTO quarantine_counts (reason, count, large_bytes) SELECT reason, count(*), total(octet_length(body)) FROM quarantine WHERE octet_length(body) > 32768 GROUP BY reason
  ON CONFLICT (reason) DO UPDATE SET large_bytes = excluded.large_bytes;
CREATE TRIGGER IF NOT EXISTS quarantine_grew AFTER INSERT ON quarantine WHEN octet_length(NEW.body) > 32768 BEGIN INSERT INTO quarantine_counts (reason, count, large_bytes) VALUES (NEW.reason, 0, octet_length(NEW.body)) ON CONFLICT (reason) DO UPDATE SET large_bytes = large_bytes + excluded.large_bytes; END;
CREATE TRIGGER IF NOT EXISTS quarantine_shrank AFTER DELETE ON quarantine WHEN octet_length(OLD.body) > 32768 BEGIN UPDATE quarantine_counts SET large_bytes = large_bytes - octet_length(OLD.body) WHERE reason = OLD.reason; END;

CREATE TRIGGER IF NOT EXISTS quarantine_made_room AFTER DELETE ON quarantine BEGIN DELETE FROM state WHERE name = 'full:' || OLD.reason; END;
