import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { applyMigrations } from '../../src/store/schema.ts'
import type { VerifiedCallback } from '../../src/callback/snapshot.ts'
import { removeRecord } from '../../src/store/removals.ts'
import { settle } from '../../src/store/settle.ts'
import { noteAccepted } from '../../src/store/state.ts'
import { verified, record, unusable } from './verified.ts'

beforeEach(() => applyMigrations(env.DB))

async function all<Row>(sql: string): Promise<Row[]> {
  return (await env.DB.prepare(sql).all<Row>()).results
}

/** The settlement in a word. */
async function settled(one: VerifiedCallback): Promise<string> {
  const settlement = await settle(env.DB, one)
  return settlement.status === 'quarantined' ? settlement.reason : settlement.status
}

async function settleAll(deliveries: VerifiedCallback[]): Promise<Record<string, number>> {
  const outcomes = await Promise.all(deliveries.map((one) => settled(one)))
  return outcomes.reduce<Record<string, number>>((counts, outcome) => {
    counts[outcome] = (counts[outcome] ?? 0) + 1
    return counts
  }, {})
}

const fifty = <Value>(make: (n: number) => Value) => Array.from({ length: 50 }, (_, n) => make(n))

describe('one callback after another', () => {
  const rows: [string, VerifiedCallback[], string[]][] = [
    ['stores what is new', [verified('a')], ['stored']],
    ['knows the same callback again', [verified('a'), verified('a')], ['stored', 'duplicate']],
    ['knows the same content under a new signature', [verified('a'), verified('b')], ['stored', 'duplicate']],
    [
      'refuses other content under a used signature',
      [verified('a'), verified('a', 'other')],
      ['stored', 'signature_reused'],
    ],
    [
      'refuses another task under a used signature',
      [verified('a'), verified('a', 'other', 'task 2')],
      ['stored', 'signature_reused'],
    ],
    ['keeps the first content of a task', [verified('a'), verified('b', 'other')], ['stored', 'conflict']],
    [
      'says the same of a conflict that comes again, re-signed or not',
      [verified('a'), verified('b', 'other'), verified('b', 'other'), verified('c', 'other')],
      ['stored', 'conflict', 'conflict', 'conflict'],
    ],
    ['keeps an unusable callback', [unusable('a'), unusable('a'), unusable('b')], Array(3).fill('unsupported_event')],
    [
      'refuses a snapshot under the signature of another event',
      [unusable('a', 'compose'), verified('a')],
      ['unsupported_event', 'signature_reused'],
    ],
    [
      'refuses another event under the signature of a snapshot',
      [verified('a'), unusable('a', 'compose')],
      ['stored', 'signature_reused'],
    ],
  ]

  it.each(rows)('%s', async (_title, deliveries, outcomes) => {
    const got: string[] = []
    for (const one of deliveries) got.push(await settled(one))
    expect(got).toEqual(outcomes)
  })

  it('keeps what is not stored, once for each reason and content, as it was received', async () => {
    for (const one of [verified('a'), verified('b', 'other'), verified('c', 'other'), verified('a', 'forged')]) {
      await settle(env.DB, one)
    }
    expect(await all('SELECT id, reason, task_id, body FROM quarantine ORDER BY id')).toEqual([
      { id: 'conflict:other', reason: 'conflict', task_id: 'task', body: 'body of other' },
      { id: 'signature_reused:forged', reason: 'signature_reused', task_id: 'task', body: 'body of forged' },
    ])
  })

  it('learns which task a signature named that the version before has entered, when its callback comes again', async () => {
    await settle(env.DB, verified('a'))
    await env.DB.prepare('UPDATE ledger SET task = NULL').run()
    await settle(env.DB, verified('a'))
    expect(await all('SELECT task FROM ledger')).toEqual([{ task: 'task' }])
  })
})

describe('fifty deliveries at once', () => {
  it('stores one of fifty equal ones', async () => {
    expect(await settleAll(fifty(() => verified('a')))).toEqual({ stored: 1, duplicate: 49 })
  })

  it('stores one of fifty that were signed anew', async () => {
    expect(await settleAll(fifty((n) => verified(`signature ${n}`)))).toEqual({ stored: 1, duplicate: 49 })
  })

  it('takes one of fifty bodies under one signature, and keeps sixteen of the others', async () => {
    expect(await settleAll(fifty((n) => verified('a', `body ${n}`, `task ${n}`)))).toEqual({
      stored: 1,
      signature_reused: 49,
    })
    expect(await all('SELECT count(*) AS kept FROM quarantine')).toEqual([{ kept: 16 }])
  })

  it('stores one of fifty contents for one task, and keeps the others as conflicts', async () => {
    expect(await settleAll(fifty((n) => verified(`signature ${n}`, `content ${n}`)))).toEqual({
      stored: 1,
      conflict: 49,
    })
    expect(await all('SELECT count(*) AS kept FROM quarantine')).toEqual([{ kept: 49 }])
  })

  it('finds the forgeries among genuine ones', async () => {
    const genuine = fifty((n) => verified(`signature ${n}`, `content ${n}`, `task ${n}`))
    await settleAll(genuine)
    const again = genuine.flatMap((one, n) => [one, verified(`signature ${n}`, `forged ${n}`, `task ${n}`)])
    expect(await settleAll(again)).toEqual({ duplicate: 50, signature_reused: 50 })
    expect(await all(`SELECT count(*) AS forged FROM snapshots WHERE content LIKE 'forged%'`)).toEqual([{ forged: 0 }])
  })
})

describe('the place of a row', () => {
  const places = () => all<{ task_id: string; place: number }>('SELECT task_id, place FROM snapshots ORDER BY place')

  it('is when D1 stores it, whenever it was received', async () => {
    const before = Date.now()
    await settle(env.DB, verified('a'))
    const [row] = await places()
    expect(row!.place / 1000).toBeGreaterThanOrEqual(before - 1000)
    expect(row!.place / 1000).toBeLessThanOrEqual(Date.now() + 1000)
  })

  it('is greater than every place before, whatever the clock says and however many come in one millisecond', async () => {
    await settle(env.DB, verified('a', 'a', 'a'))
    const ahead = (Date.now() + 3_600_000) * 1000
    await env.DB.prepare('UPDATE snapshots SET place = ?1').bind(ahead).run()
    for (const id of ['b', 'c']) await settle(env.DB, verified(id, id, id))
    expect((await places()).map(({ place }) => place)).toEqual([ahead, ahead + 1, ahead + 2])
  })

  it('is not given again when the row that had it is deleted', async () => {
    await settle(env.DB, verified('a', 'a', 'a'))
    const ahead = (Date.now() + 3_600_000) * 1000
    await env.DB.prepare('UPDATE snapshots SET place = ?1').bind(ahead).run()
    await removeRecord(env.DB, 'a', Date.now())
    await settle(env.DB, verified('b', 'b', 'b'))
    expect(await places()).toEqual([{ task_id: 'b', place: ahead + 1 }])
  })
})

describe('what may be replaced', () => {
  const urls = ['http://pictures.test/1.jpg', 'record/2.jpg']

  async function given(status: string, via: string | null, stored: object) {
    await env.DB.prepare(
      'INSERT INTO snapshots (place, task_id, status, content, via, record) VALUES (1, ?, ?, ?, ?, ?)',
    )
      .bind('task', status, status === 'pending' ? null : 'old', via, JSON.stringify(stored))
      .run()
  }
  const genuine = record('task', urls)
  const callback = { ...verified('a'), snapshot: { record: genuine, text: JSON.stringify(genuine) } }

  it.each(['pending', 'failed'])('a %s task by a callback', async (status) => {
    await given(status, null, { task_id: 'task', status })
    expect(await settled(callback)).toBe('stored')
    const [row] = await all<Record<string, unknown>>('SELECT * FROM snapshots')
    expect(row).toMatchObject({
      status: 'completed',
      content: 'content',
      event_sent: 0,
    })
  })

  it('a record of the query API by a callback with the same pictures', async () => {
    await given('completed', 'query', record('task', urls))
    expect(await settled(callback)).toBe('stored')
  })

  it.each([
    ['other pictures', ['http://pictures.test/1.jpg']],
    ['the same pictures in another order', urls.toReversed()],
  ])('not a record of the query API by a callback with %s', async (_title, stored) => {
    await given('completed', 'query', record('task', stored))
    expect(await settled(callback)).toBe('conflict')
  })

  it.each([
    ['pending', null],
    ['failed', null],
    ['completed', 'query'],
  ])('not a %s task of another app, whose own secret this one is not', async (status, via) => {
    await given(status, via, { ...record('task', urls), appid: 'another' })
    expect(await settled(callback)).toBe('conflict')
  })

  it('not a record of a callback', async () => {
    await given('completed', 'callback', record('task', urls))
    expect(await settled(callback)).toBe('conflict')
  })
})

describe('when D1 fails', () => {
  it('tries once more after an error that D1 calls transient', async () => {
    vi.spyOn(env.DB, 'batch').mockRejectedValueOnce(new Error('D1_ERROR: Network connection lost.'))
    expect(await settled(verified('a'))).toBe('stored')
  })

  it('still says "stored" when D1 took the write and then failed', async () => {
    const batch = env.DB.batch.bind(env.DB)
    vi.spyOn(env.DB, 'batch').mockImplementationOnce(async (statements) => {
      await batch(statements)
      throw new Error('D1_ERROR: Network connection lost.')
    })
    expect(await settled(verified('a'))).toBe('stored')
  })

  it('counts an accepted callback once when D1 took it and then failed', async () => {
    const prepare = env.DB.prepare.bind(env.DB)
    vi.spyOn(env.DB, 'prepare').mockImplementationOnce((sql) => {
      const bind = (...values: unknown[]) => ({
        run: async () => {
          await prepare(sql)
            .bind(...values)
            .run()
          throw new Error('D1_ERROR: Network connection lost.')
        },
      })
      return { bind } as never
    })
    await noteAccepted(env.DB, 'stale', { callbacks: 1, results: 1 }, 1, 0)
    expect(await all(`SELECT value ->> '$.callbacks' AS callbacks FROM state`)).toEqual([{ callbacks: 1 }])
  })

  it('does not try a third time, nor again after any other error', async () => {
    const batch = vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1_ERROR: Network connection lost.'))
    await expect(settle(env.DB, verified('a'))).rejects.toThrow('Network connection lost')
    expect(batch).toHaveBeenCalledTimes(2)
    batch.mockReset().mockRejectedValue(new Error('D1_ERROR: too big'))
    await expect(settle(env.DB, verified('a'))).rejects.toThrow('too big')
    expect(batch).toHaveBeenCalledTimes(1)
  })

  it('gives up on a D1 that hangs', async () => {
    vi.spyOn(env.DB, 'batch').mockImplementation(() => new Promise(() => {}))
    await expect(settle(env.DB, verified('a'))).rejects.toThrow('D1 took longer than')
  })
})
