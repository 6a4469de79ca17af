import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { replace } from '../../src/store/replace.ts'
import { applyMigrations } from '../../src/store/schema.ts'
import { settle } from '../../src/store/settle.ts'
import { verified } from './verified.ts'

const LATER = Date.UTC(2026, 5, 1)
const row = (columns: string) => env.DB.prepare(`SELECT ${columns} FROM snapshots`).first()
const set = (columns: string) => env.DB.prepare(`UPDATE snapshots SET ${columns}`).run()

function winner(latestClaim = 0) {
  const { snapshot, ...callback } = verified('used', 'genuine')
  if (!('record' in snapshot)) throw new Error('it has no record')
  return { ...callback, ...snapshot, latestClaim }
}

beforeEach(async () => {
  await applyMigrations(env.DB)
  await settle(env.DB, verified('used', 'forged'))
})

describe('content that wins', () => {
  it('waits for KV and the queue since now, not since the loser was stored', async () => {
    await replace(env.DB, winner(), LATER)
    expect(await row('unpublished_since')).toEqual({ unpublished_since: LATER })
  })

  it('is owed to KV though KV refused the loser for good', async () => {
    await set(`kv_due = NULL, kv_refused = 'too large'`)
    await replace(env.DB, winner(), LATER)
    expect(await row('kv_due > 0 AS owed, kv_refused')).toEqual({ owed: 1, kv_refused: null })
  })

  it('is not published again when it wins again', async () => {
    expect(await replace(env.DB, winner(), LATER)).toMatchObject({ status: 'stored' })
    await set('kv_due = NULL, event_due = NULL')
    expect(await replace(env.DB, winner(), LATER + 1)).toMatchObject({ status: 'duplicate' })
    expect(await row('publish_at')).toEqual({ publish_at: null })
  })

  it.each([
    ['its own', LATER, LATER],
    ["the loser's", 1, 1_700_000_000_000],
  ])('keeps the signature until the later claim is stale: %s', async (_title, claim, latest_claim) => {
    await replace(env.DB, winner(claim), LATER)
    expect(await env.DB.prepare('SELECT latest_claim FROM ledger').first()).toEqual({ latest_claim })
  })

  it('is given no place again that a loser of another task had', async () => {
    const ahead = (Date.now() + 3_600_000) * 1000
    await set(`task_id = 'made up', place = ${ahead}`)
    await env.DB.prepare(`UPDATE ledger SET task = 'made up'`).run()
    await replace(env.DB, winner(), LATER)
    expect(await row('task_id, place')).toEqual({ task_id: 'task', place: ahead + 1 })
  })
})
