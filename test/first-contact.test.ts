/** No mistake of ours or of an operator's costs a callback: what could not be verified, read or routed is kept, and let in later. */
import { env } from 'cloudflare:workers'
import { createExecutionContext } from 'cloudflare:test'
import { describe, expect, it, vi } from 'vitest'
import { lookAgain } from '../src/quarantine/retry.ts'
import { readSettings } from '../src/settings.ts'
import worker from '../src/worker.ts'
import { CALLBACK_URL, signedCallback } from './callbacks.ts'
import { get } from './http/api.ts'
import { cron, deliver, events, read, recordInKv, request, rows } from './worker.ts'

/** The version that was made in a year. */
const version = (year: number) => ({ VERSION: { id: '', tag: '', timestamp: new Date(Date.UTC(year)).toISOString() } })
const WRONG = { ZEGO_CALLBACK_SECRET: 'wrong', ...version(2021) }
const RIGHT = version(2022)

const kept = async () => (await rows<{ reason: string }>('SELECT reason FROM quarantine')).map(({ reason }) => reason)
const ctx = createExecutionContext
const ten = (hours = 0) => vi.useFakeTimers({ now: Date.UTC(2031, 0, 1, hours), toFake: ['Date'] })

describe('a callback that was refused', () => {
  it.each<[string, string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['under a wrong secret', 'bad_signature', WRONG, RIGHT, CALLBACK_URL],
    ['without a secret', 'not_configured', { ...WRONG, ZEGO_CALLBACK_SECRET: undefined }, RIGHT, CALLBACK_URL],
    [
      'while the path token was wrong',
      'wrong_path',
      { ...version(2021), CALLBACK_PATH_TOKEN: 'wrong' },
      { ...RIGHT, CALLBACK_PATH_TOKEN: 'token' },
      `${CALLBACK_URL}/token`,
    ],
  ])('%s is stored and published once a newer version is in place', async (_title, reason, before, after, url) => {
    ten()
    const body = JSON.stringify(signedCallback({ task_id: reason }))
    expect((await request(url, { method: 'POST', body }, before)).ok).toBe(false)
    expect(await kept()).toEqual([reason])
    await cron(1, before)
    expect(await kept()).toEqual([reason])
    vi.setSystemTime(Date.now() + 60_000)
    await cron(1, after)
    expect(await kept()).toEqual([])
    const record = await (await read(reason)).json<{ received_at: string }>()
    expect(record).toMatchObject({ status: 'completed', received_at: new Date(Date.UTC(2031)).toISOString() })
    expect(await recordInKv(reason)).toEqual(record)
    expect(await events(reason)).toHaveLength(1)
    expect(await rows(`SELECT value ->> '$.callbacks' AS count FROM state WHERE name LIKE 'accepted_again:%'`)).toEqual(
      [{ count: 1 }],
    )
  })

  it('stays where it is forged, and is not looked at again by the same version', async () => {
    await deliver(signedCallback({}, 'forged'), WRONG)
    await cron(1, RIGHT)
    expect(await rows('SELECT reason, refused_by, looks FROM quarantine')).toEqual([
      { reason: 'bad_signature', refused_by: Date.UTC(2022), looks: 0 },
    ])
    const info = vi.spyOn(console, 'info')
    await cron(1, RIGHT)
    expect(info.mock.calls.flat().join()).not.toContain('quarantine.rechecked')
    expect(await rows('SELECT 1 FROM snapshots')).toEqual([])
  })

  const TOKEN = { CALLBACK_PATH_TOKEN: 'token' }

  it.each<[string, string, object, Record<string, unknown>, Record<string, unknown>]>([
    [
      'by another path than the one that is set',
      'wrong_path',
      {},
      { ...version(2021), ...TOKEN },
      { ...RIGHT, ...TOKEN },
    ],
    ['where it was stale when it came', 'bad_signature', { timestamp: '1500000000' }, WRONG, RIGHT],
  ])('is not let in %s', async (_title, reason, fields, before, after) => {
    await deliver(signedCallback(fields), before)
    expect(await kept()).toEqual([reason])
    await cron(1, after)
    expect([await kept(), await rows('SELECT 1 FROM snapshots')]).toEqual([[reason], []])
  })

  it('that D1 refuses alone, each time, holds up none of the others', async () => {
    ten(1)
    for (const task_id of ['bad', ...Array.from({ length: 12 }, (_, n) => `good ${n}`)]) {
      await deliver(signedCallback({ task_id }), WRONG)
    }
    await env.DB.prepare(
      `CREATE TRIGGER refuse BEFORE INSERT ON snapshots WHEN NEW.task_id = 'bad'
      BEGIN SELECT RAISE(ABORT, 'refused'); END`,
    ).run()
    for (let minute = 1; minute < 6; minute += 1) await cron(minute, RIGHT)
    expect(await rows(`SELECT task_id, refused_by FROM quarantine`)).toEqual([
      { task_id: 'bad', refused_by: Date.UTC(2022) },
    ])
    expect(await rows('SELECT 1 FROM snapshots')).toHaveLength(12)
  })

  it('is looked at again by the same version where D1 refuses different ones in the same unknown words', async () => {
    ten(2)
    for (const task_id of ['one', 'other']) await deliver(signedCallback({ task_id }), WRONG)
    const down = vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: words of a later D1'))
    await cron(1, RIGHT)
    down.mockRestore()
    vi.setSystemTime(Date.now() + 121_000)
    await cron(1, RIGHT)
    expect([await kept(), (await rows('SELECT 1 FROM snapshots')).length]).toEqual([[], 2])
  })

  it('is looked at by no older version: two live ones take no turns, and a rollback accepts no forgery', async () => {
    await deliver(signedCallback({ task_id: 'leaked' }, 'leaked'), RIGHT)
    await cron(1, { ...version(2021), ZEGO_CALLBACK_SECRET: 'leaked' })
    expect([await kept(), await rows('SELECT 1 FROM snapshots')]).toEqual([['bad_signature'], []])
    for (const year of [2023, 2022, 2021, 2023, 2022]) await cron(1, version(year))
    expect(await rows('SELECT refused_by FROM quarantine')).toEqual([{ refused_by: Date.UTC(2023) }])
  })

  it('is looked at in slices of a megabyte, whatever the plan', async () => {
    ten(4)
    for (let n = 0; n < 4; n += 1) {
      await deliver({ ...signedCallback({ task_id: `${n}` }, 'forged'), padding: 'x'.repeat(600_000) }, WRONG)
    }
    const later = { ...env, ...RIGHT, PLAN: 'paid' }
    expect(await lookAgain(later, readSettings(later), Date.now())).toBe(true)
    expect(await rows(`SELECT 1 FROM quarantine WHERE refused_by = ${Date.UTC(2022)}`)).toHaveLength(2)
  })

  it('whose look ends its invocation is tried three times, and holds up none of the others', async () => {
    ten(3)
    await deliver(signedCallback({ task_id: 'deadly' }), WRONG)
    const claimed = () => rows<{ looks: number }>('SELECT looks FROM quarantine')
    for (let look = 1; look <= 3; look += 1) {
      const ends = vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1 DB is overloaded')) // nothing after the claim is done
      await cron(1, RIGHT)
      expect(await claimed()).toEqual([{ looks: look }])
      await cron(1, RIGHT) // claimed by the one that ended
      expect(await claimed()).toEqual([{ looks: look }])
      ends.mockRestore()
      vi.setSystemTime(Date.now() + 121_000)
    }
    await deliver(signedCallback({ task_id: 'good' }), WRONG)
    const error = vi.spyOn(console, 'error')
    await cron(1, RIGHT)
    expect(error.mock.calls.flat().join()).toContain('quarantine.given_up')
    expect(await rows('SELECT task_id FROM snapshots')).toEqual([{ task_id: 'good' }])
    await cron(1, version(2023))
    expect(await rows('SELECT task_id FROM snapshots ORDER BY task_id')).toHaveLength(2)
  })

  it('below the path for callbacks is not kept where it is no callback', async () => {
    await request(`${CALLBACK_URL}/wrong`, { method: 'POST', body: '{"a":1}' }, { CALLBACK_PATH_TOKEN: 'token' })
    await cron()
    expect([await kept(), await rows(`SELECT 1 FROM state WHERE name LIKE 'refusal:%'`)]).toEqual([[], []])
  })

  it('is read to its end before a wrong path is answered', async () => {
    let isRead = false
    const body = new ReadableStream({
      async pull(controller) {
        await scheduler.wait(20)
        controller.enqueue(new TextEncoder().encode(JSON.stringify(signedCallback({ task_id: 'slow' }))))
        controller.close()
        isRead = true
      },
    })
    await worker.fetch(
      new Request(CALLBACK_URL, { method: 'POST', body }),
      { ...env, CALLBACK_PATH_TOKEN: 'token' },
      ctx(),
    )
    expect(isRead).toBe(true)
  })

  it.each(['/zego', '/zego/callbacks', '/callback'])(
    'at %s is no callback: it is logged, and neither read nor kept',
    async (path) => {
      const body = JSON.stringify(signedCallback({ task_id: 'lost' }))
      const warn = vi.spyOn(console, 'warn')
      await request(`https://receiver.test${path}`, { method: 'POST', body })
      await cron()
      expect(await kept()).toEqual([])
      expect(warn.mock.calls.flat().join()).toContain('request.misdirected')
    },
  )

  it.each(['//zego/callback', '/zego//callback', '/ZEGO/CALLBACK', '/Zego/Callback/?x=1', '/zego/callback//'])(
    'at %s is taken',
    async (path) => {
      const body = JSON.stringify(signedCallback({ task_id: 'spelled' }))
      expect((await request(`https://receiver.test${path}`, { method: 'POST', body })).status).toBe(200)
    },
  )

  it('leaves no token of its path in the log or in an answer', async () => {
    const spies = (['info', 'warn', 'error'] as const).map((level) => vi.spyOn(console, level))
    const body = JSON.stringify(signedCallback())
    const settings = { CALLBACK_PATH_TOKEN: 'secrettoken' }
    await request('https://receiver.test/zego/callbck/secrettoken', { method: 'POST', body }, settings)
    await request('https://receiver.test/zego/callback/secrettokem', { method: 'POST', body }, settings)
    expect(await kept()).toEqual(['wrong_path'])
    const list = await (await get('/v1/quarantine')).text()
    expect(`${list} ${spies.flatMap(({ mock }) => mock.calls.flat()).join()}`).not.toMatch(/secrettoke/)
  })
})

describe('what is kept of refused callbacks', () => {
  it('is bounded in rate: an isolate keeps sixty a minute of each reason', async () => {
    ten(5)
    for (let n = 0; n < 70; n += 1) await deliver(signedCallback({ task_id: `flood ${n}` }), WRONG)
    expect(await kept()).toHaveLength(60)
    await deliver('{')
    expect(await kept()).toHaveLength(61)
  })

  it('has room for a genuine one however often one body is repeated', async () => {
    ten(8)
    const again = signedCallback({ task_id: 'again' })
    for (let n = 0; n < 70; n += 1) await deliver(again, WRONG)
    await deliver(signedCallback({ task_id: 'genuine' }), WRONG)
    expect(await rows('SELECT task_id FROM quarantine ORDER BY rowid')).toEqual([
      { task_id: 'again' },
      { task_id: 'genuine' },
    ])
  })

  it('is bounded in number, and full it takes no more and loses none', async () => {
    ten(6)
    await deliver(signedCallback({ task_id: 'genuine' }), WRONG)
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
      INSERT INTO quarantine (id, reason, detail, signature, received_at, body, looked_by)
      SELECT 'bad_signature:' || i, 'bad_signature', '', '', ?1, '', 'x' FROM n`,
    )
      .bind(Date.now())
      .run()
    await deliver(signedCallback({ task_id: 'one too many' }), WRONG)
    expect(await rows(`SELECT count FROM quarantine_counts WHERE reason = 'bad_signature'`)).toEqual([{ count: 1000 }])
    expect(await rows(`SELECT 1 FROM quarantine WHERE task_id = 'genuine'`)).toHaveLength(1)
  })

  it('is as it was received, bytes that are no text too', async () => {
    const bytes = new Uint8Array([0x1f, 0x8b, 0xff, 0xfe, 0x00])
    await deliver(bytes)
    const [{ id }] = (await rows<{ id: string }>('SELECT id FROM quarantine')) as [{ id: string }]
    const entry = await (await get(`/v1/quarantine/${encodeURIComponent(id)}`)).json<{ body_base64: string }>()
    expect(Uint8Array.fromBase64(entry.body_base64)).toEqual(bytes)
  })
})
