-- The feed reads `place` upwards. What is stored below a place that may have been read has a number here, each greater
-- than the one before: whoever read past its place finds it by that. Triggers, so that no statement can forget it.
ALTER TABLE snapshots ADD COLUMN late INTEGER;
CREATE INDEX IF NOT EXISTS snapshots_late ON snapshots (late) WHERE late IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS snapshots_stored AFTER INSERT ON snapshots WHEN EXISTS (SELECT 1 FROM snapshots WHERE place > NEW.place) OR EXISTS (SELECT 1 FROM state WHERE name = 'feed_top' AND changed_at > NEW.place) BEGIN UPDATE snapshots SET late = max(1 + coalesce((SELECT max(late) FROM snapshots WHERE late IS NOT NULL), 0), CAST(unixepoch('subsec') * 1000 AS INTEGER)) WHERE place = NEW.place; END;
CREATE TRIGGER IF NOT EXISTS snapshots_moved AFTER UPDATE OF place ON snapshots WHEN NEW.place < OLD.place OR EXISTS (SELECT 1 FROM snapshots WHERE place > NEW.place) OR EXISTS (SELECT 1 FROM state WHERE name = 'feed_top' AND changed_at > NEW.place) BEGIN UPDATE snapshots SET late = max(1 + coalesce((SELECT max(late) FROM snapshots WHERE late IS NOT NULL), 0), CAST(unixepoch('subsec') * 1000 AS INTEGER)) WHERE place = NEW.place; END;

-- `feed_top` is the highest place that was ever left: where the newest row goes, what comes below it is late all the same.
CREATE TRIGGER IF NOT EXISTS snapshots_left AFTER DELETE ON snapshots WHEN NOT EXISTS (SELECT 1 FROM snapshots WHERE place >= OLD.place) BEGIN INSERT INTO state (name, value, changed_at) VALUES ('feed_top', '', OLD.place) ON CONFLICT (name) DO UPDATE SET changed_at = max(changed_at, excluded.changed_at); END;
CREATE TRIGGER IF NOT EXISTS snapshots_lowered AFTER UPDATE OF place ON snapshots WHEN NEW.place < OLD.place AND NOT EXISTS (SELECT 1 FROM snapshots WHERE place >= OLD.place) BEGIN INSERT INTO state (name, value, changed_at) VALUES ('feed_top', '', OLD.place) ON CONFLICT (name) DO UPDATE SET changed_at = max(changed_at, excluded.changed_at); END;
