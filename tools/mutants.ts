/** What `npm run mutate` knows of the files that it changes. */

const STATUS = ['test/http/status.test.ts', 'test/http/health.test.ts', 'test/alert.test.ts']
const ZEGO = ['test/zego/', 'test/http/confirmation.test.ts', 'test/http/disputed.test.ts']
/** The tests of each part: the first that a file's path begins with. */
export const TESTS: Record<string, string[]> = {
  'src/callback/': ['test/callback/'],
  'src/store/disputes': ZEGO,
  'src/store/facts': [...STATUS, 'test/store/', 'test/dashboard/health.test.ts'],
  'src/store/gallery': ['test/dashboard/'],
  'src/store/health': [...STATUS, 'test/installation.test.ts', 'test/dashboard/'],
  'src/store/installation': ['test/installation.test.ts'],
  'src/store/outbox': [
    'test/publish/',
    'test/http/republish.test.ts',
    'test/http/operate.test.ts',
    'test/kv-order.test.ts',
  ],
  'src/store/pending': ['test/http/tasks.test.ts', 'test/http/registration.test.ts', ...ZEGO],
  'src/store/quarantine': ['test/store/', 'test/http/quarantine', 'test/http/disputed.test.ts'],
  'src/store/rate-limit': ZEGO,
  'src/store/removals': ['test/kv-order.test.ts', 'test/store/', 'test/http/snapshots.test.ts', 'test/publish/'],
  'src/store/schema': ['test/store/', 'test/cost.test.ts'],
  'src/store/snapshots': ['test/http/list.test.ts', 'test/http/feed.test.ts', 'test/http/snapshots.test.ts'],
  'src/store/state': [...STATUS, 'test/first-contact.test.ts', 'test/intake/', 'test/store/'],
  'src/store/unverified': ['test/store/quarantine.test.ts', 'test/first-contact.test.ts'],
  'src/store/write': ['test/store/', 'test/publish/', ...ZEGO],
  'src/store/': ['test/store/', 'test/publish/', 'test/kv-order.test.ts', 'test/http/quarantine.test.ts'],
  'src/publish/publish': ['test/publish/', 'test/kv-order.test.ts', 'test/store/purge.test.ts'],
  'src/publish/': ['test/publish/', 'test/kv-order.test.ts', 'test/zego/poll.test.ts'],
  'src/intake/': ['test/intake/'],
  'src/token.ts': ['test/settings.test.ts'],
  'src/http/api.ts': ['test/settings.test.ts', 'test/http/read-token.test.ts'],
  'src/receive.ts': ['test/http/callback.test.ts', 'test/intake/', 'test/store/purge.test.ts'],
}

/** What survived once, and must not again: where, and what takes its place. */
export const NAMED: [file: string, from: string, to: string][] = [
  ['src/store/write.ts', 'unpublished_since = excluded.unpublished_since, kv_due', 'kv_due'],
  ['src/store/write.ts', 'event_due = excluded.event_due,\n    kv_refused = NULL', 'event_due = excluded.event_due'],
  ['src/store/write.ts', "over: 'snapshots.content IS NOT excluded.content'", "over: 'true'"],
  ['src/store/outbox.ts', 'LEASE_MS = 120_000', 'LEASE_MS = 1_000'],
  ['src/store/replace.ts', ',\n    latest_claim = max(latest_claim, excluded.latest_claim)', ''],
  ['src/store/purge.ts', "publish_at IS NULL AND status <> 'pending' AS may_go", "status <> 'pending' AS may_go"],
  ['src/store/purge.ts', 'AND place < ?2 AND publish_at IS NULL`', 'AND place < ?2`'],
  ['src/store/purge.ts', 'place > ?1 AND place < ?2 ORDER', 'place > ?1 AND place > ?2 ORDER'],
  ['src/publish/kv-limits.ts', '413|414', '413|414|401'],
  ['src/publish/kv-limits.ts', '413|414', '413'],
  ['src/intake/consume.ts', 'if (settled.publication) publications.push(settled.publication)', ''],
  ['src/intake/drain.ts', 'if (settled.publication) publications.push(settled.publication)', ''],
  ['src/token.ts', 'of tokens)', 'of tokens.slice(0, 2))'],
  ['src/http/api.ts', '(.*\\S)', '(\\S+)'],
  ['src/callback/content.ts', 'MOST_LIST_LAYERS = 4', 'MOST_LIST_LAYERS = 3'],
]

/** What changes no outcome: a part of the line, what takes the place of what, and why no test can tell. */
export const EQUAL: [file: string, line: string, change: string, why: string][] = [
  ['src/callback/bytes.ts', 'MOST_BYTES_A_UNIT =', '3  →  4', 'more texts are counted to the byte, to the same end'],
  ['src/callback/form.ts', 'while (start < text.length)', '<  →  <=', 'one more round, which finds an empty field'],
  [
    'src/callback/form.ts',
    'const end = next < 0',
    '0  →  1',
    'too many fields are counted once more, and refused then',
  ],
  ['src/callback/form.ts', 'const isWhole = end < 0', '0  →  1', 'a body without a part has no event either way'],
  ['src/callback/json.ts', 'at < text.length', '<  →  <=', 'one more round, behind the end'],
  ['src/callback/read.ts', "named.code !== 'undecodable'", '(false)', 'what decodes is no deflated text'],
  ['src/callback/refusal.ts', 'seconds >= 0', '>=  →  >', 'what was signed now is not stale'],
  ['src/callback/signature.ts', 'codePointAt(at) ?? -1', '1  →  2', 'only the sign counts, or the texts are equal'],
  ['src/callback/signature.ts', 'byCodePoint(timestamp, nonce) <= 0', '<=  →  <', 'equal texts join to the same'],
  [
    'src/callback/snapshot.ts',
    'RECORD_EXTRA_BYTES <= RECORD_LIMIT_BYTES',
    '<=  →  <',
    'it is counted to the byte then',
  ],
  ['src/callback/unpack.ts', 'first = 0, second = 0', '0  →  1', 'no single byte begins anything packed'],
  ['src/callback/unpack.ts', '% 31 === 0', '&&  →  ||', 'what is not packed cannot be unpacked'],
  ['src/intake/consume.ts', 'LONGEST_STAY_MS', '>=  →  >', 'a millisecond later'],
  ['src/receive.ts', 'signedAt = 0', '0  →  1', 'a stale callback has a time'],
  ['src/store/database.ts', 'LIMIT 1', '1  →  2', 'only an answer is wanted'],
  ['src/store/disputes.ts', 'ask_due IS NOT NULL', 'AND ask_due IS NOT NULL  →  nothing', 'what is NULL becomes NULL'],
  ['src/store/gallery.ts', ': PAGE_ROWS + 1', '1  →  2', 'one more row is looked at, and not shown'],
  ['src/store/installation.ts', 'PAUSE_MS = 10', '10  →  5', 'it looks more often while it waits'],
  ['src/store/marks.ts', 'awaitedUntil = 0', '0  →  1', 'a time long ago'],
  ['src/store/purge.ts', 'results.at(-1)!.place', '1  →  2', 'one row is looked at twice'],
  ['src/store/purge.ts', 'WHERE place > ?1 ORDER BY place LIMIT ?2', '>  →  >=', 'one row is looked at twice'],
  ['src/store/purge.ts', 'AS may_go', 'publish_at IS NULL', '`deleteOld` asks it again'],
  ['src/store/removals.ts', 'LIMIT 1', '1  →  2', 'only an answer is wanted'],
  [
    'src/store/replace.ts',
    'snapshots.content = ledger.content',
    "AND status = 'completed'  →  nothing",
    "no callback has a failed record's content",
  ],
  ['src/store/snapshots.ts', 'since = 0', '0  →  1', 'the first millisecond of 1970'],
]
