import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { noteAccepted } from '../../src/store/state.ts'
import { signedCallback } from '../callbacks.ts'
import { deliver } from '../worker.ts'
import { askedBy, counted } from '../counted.ts'
import { linkOf, pageOf, signedIn } from './visitor.ts'

async function deliverMany(count: number) {
  for (let n = 1; n <= count; n += 1) await deliver(signedCallback({ task_id: `task-${String(n).padStart(3, '0')}` }))
}

const idsOf = (text: string) => [...text.matchAll(/href="\/tasks\/([^"?]+)"/g)].map(([, id]) => id!)

describe('the gallery', () => {
  it('says what to do while nothing has come', async () => {
    const { text } = await pageOf(await (await signedIn()).open('/'))
    expect(text).toContain('No callback yet')
    expect(text).toContain('https://receiver.test/zego/callback')
  })

  it('says why callbacks are refused while none was accepted, how many are kept, and what fixes it', async () => {
    const someone = await signedIn()
    await someone.open('/')
    await env.DB.batch([
      env.DB.prepare(`INSERT INTO state (name, value, changed_at) VALUES ('refusal:bad_signature', '', ?1)`).bind(
        Date.now(),
      ),
      ...[1, 2].map((n) =>
        env.DB.prepare(
          `INSERT INTO quarantine (id, reason, detail, signature, received_at, body) VALUES (?1, 'bad_signature', '', ?1, 1, '')`,
        ).bind(String(n)),
      ),
    ])
    const { text } = await pageOf(await someone.open('/'))
    expect(text).toMatch(/The last one was refused <time[^>]*>just now<\/time>: <code>bad_signature<\/code>/)
    expect(text).toContain('<a href="/quarantine?reason=bad_signature">2 callbacks in quarantine</a>')
    expect(text).toContain('npx wrangler secret put ZEGO_CALLBACK_SECRET')
    expect(text).toContain('callbacks are refused (wrong secret?)')
  })

  it('says for an hour that kept callbacks were accepted after all', async () => {
    await deliver(signedCallback())
    await noteAccepted(env.DB, 'bad_signature', { callbacks: 12, results: 4 }, 'version', Date.now())
    const someone = await signedIn()
    const words = '4 results of 12 kept callbacks were accepted.'
    expect((await pageOf(await someone.open('/'))).text).toContain(words)
    vi.useFakeTimers({ now: Date.now() + 3_601_000, toFake: ['Date'] })
    expect((await pageOf(await someone.open('/'))).text).not.toContain(words)
  })

  it('shows twenty tasks a page, newest first, and leads there and back', async () => {
    await deliverMany(45)
    const someone = await signedIn()
    const pages: string[] = []
    for (let path: string | undefined = '/'; path; path = linkOf(pages.at(-1)!, 'next')) {
      pages.push((await pageOf(await someone.open(path))).text)
    }
    expect(pages.map((text) => idsOf(text).length)).toEqual([20, 20, 5])
    expect(pages.flatMap(idsOf)).toEqual([...Array(45).keys()].map((n) => `task-${String(45 - n).padStart(3, '0')}`))

    const back = (await pageOf(await someone.open(linkOf(pages[2]!, 'prev')!))).text
    expect(idsOf(back)).toEqual(idsOf(pages[1]!))
    const top = await someone.open(linkOf(back, 'prev')!)
    expect([top.status, top.headers.get('location')]).toEqual([303, '/'])
  })

  it('reads few rows, however many there are', async () => {
    await deliver(signedCallback())
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
      INSERT INTO snapshots (place, task_id, status, content, via, record)
      SELECT i, 'old-' || i, CASE WHEN i % 7 THEN 'completed' ELSE 'failed' END, 'c', 'callback',
        '{"task_id":"old","status":"failed","appid":"1","vendor":"hw","error":{"message":"no file"}}' FROM n`,
    ).run()
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 900)
      INSERT INTO quarantine (id, reason, detail, signature, received_at, body)
      SELECT 'stale:' || i, 'stale', 'd', 's' || i, i, 'b' FROM n`,
    ).run()
    const someone = await signedIn(counted)
    const paths = ['/', '/?status=completed', '/?status=failed', '/?below=9000', '/?above=9000', '/?status=pending']
    const filtered = ['/?vendor=hw&status=failed', '/?app=1', '/?since=1970-01-01', `/?task_id=OLD-1`]
    for (const path of [...paths, ...filtered, '/quarantine', '/health', '/new?than=5']) {
      const { rowsRead } = await askedBy(() => someone.open(path))
      expect(rowsRead, path).toBeGreaterThan(0)
      expect(rowsRead, path).toBeLessThanOrEqual(200)
    }
  })

  it('finds a task by its id, and says where there is none', async () => {
    await deliver(signedCallback({ task_id: 'a/b c' }))
    const someone = await signedIn()
    const found = await someone.open('/?task_id=a%2Fb+c&status=')
    expect([found.status, found.headers.get('location')]).toEqual([303, '/tasks/a%2Fb%20c'])
    const { status, text } = await pageOf(await someone.open('/?task_id=%3Cb%3E&status='))
    expect(status).toBe(404)
    expect(text).toContain('No task_id begins with <code>&lt;b&gt;</code>')
  })

  it('filters by status', async () => {
    await deliver(signedCallback({ task_id: 'done' }))
    await env.DB.prepare(
      `INSERT INTO snapshots (place, task_id, status, record) VALUES (1, 'waits', 'pending',
      '{"task_id":"waits","status":"pending","appid":"1","vendor":"hw","registered_at":"2026-11-22T10:00:00.000Z"}')`,
    ).run()
    const someone = await signedIn()
    for (const [status, ids] of Object.entries({
      completed: ['done'],
      pending: ['waits'],
      failed: [],
      '': ['done', 'waits'],
    })) {
      expect(idsOf((await pageOf(await someone.open(`/?status=${status}`))).text)).toEqual(ids)
    }
    expect((await pageOf(await someone.open('/tasks/waits'))).text).toContain('Pending')
  })

  it('counts what came since', async () => {
    await deliver(signedCallback({ task_id: 'first' }))
    const someone = await signedIn()
    const { text } = await pageOf(await someone.open('/'))
    const path = /data-newer-than="([^"]+)"/.exec(text)![1]!
    expect(await (await someone.open(path)).json()).toEqual({ count: 0, most: 99 })
    await deliver(signedCallback({ task_id: 'second' }))
    expect(await (await someone.open(path)).json()).toEqual({ count: 1, most: 99 })
  })

  it('finds tasks by the beginning of their ids, in either case', async () => {
    for (const task_id of ['ab1-x', 'AB1-y', 'aB1-z', 'ab2', 'b']) await deliver(signedCallback({ task_id }))
    const someone = await signedIn()
    for (const beginning of ['ab1', 'AB1', 'Ab1-']) {
      const { status, text } = await pageOf(await someone.open(`/?task_id=${beginning}`))
      expect([status, idsOf(text).toSorted()]).toEqual([200, ['AB1-y', 'aB1-z', 'ab1-x']])
    }
    expect((await someone.open('/?task_id=AB2')).headers.get('location')).toBe('/tasks/ab2')
    expect((await someone.open('/?task_id=%25')).status).toBe(404)
  })

  it('filters by vendor, app and time too, and says in its own words that nothing fits', async () => {
    await deliver(signedCallback({ task_id: 'hw-1', vendor: 'hw', appid: '7' }))
    await deliver(signedCallback({ task_id: 'tx-1', appid: '7' }))
    const someone = await signedIn()
    const found = async (query: string) => idsOf((await pageOf(await someone.open(`/?${query}`))).text)
    expect(await found('vendor=hw')).toEqual(['hw-1'])
    expect(await found('app=7&status=completed')).toEqual(['tx-1', 'hw-1'])
    expect(await found('since=2026-01-01&until=2999-01-01&vendor=tencent')).toEqual(['tx-1'])
    expect(await found('until=2026-01-01')).toEqual([])
    const { text } = await pageOf(await someone.open('/?status=failed&vendor=hw&app=7&since=2026-01-01'))
    expect(text).toContain('There are no failed tasks of Huawei Cloud, app 7, received since 2026-01-01 (UTC).')
    expect(text).toContain('value="2026-01-01"')
  })

  it('goes on behind many tasks that do not fit, both ways', async () => {
    const someone = await signedIn()
    await someone.open('/')
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 200)
      INSERT INTO snapshots (place, task_id, status, content, via, record)
      SELECT i, 'task-' || i, 'completed', 'c', 'callback', json_object('vendor', iif(i < 10, 'hw', 'tencent')) FROM n`,
    ).run()
    const seen: string[] = []
    let last = ''
    for (let path: string | undefined = '/?vendor=hw'; path; path = linkOf(last, 'next')) {
      last = (await pageOf(await someone.open(path))).text
      seen.push(...idsOf(last))
    }
    expect(seen).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1].map((n) => `task-${n}`))
    const ways: unknown[] = []
    for (let path = linkOf(last, 'prev')!; path !== '/?vendor=hw';) {
      const answer = await someone.open(path)
      const text = await answer.text()
      ways.push(answer.status === 303 ? 'the top' : [idsOf(text).length, linkOf(text, 'next') !== undefined])
      path = answer.headers.get('location') ?? linkOf(text, 'prev')!
    }
    expect(ways).toEqual([[0, true], [0, true], 'the top'])
  })

  it('shortens a long id in its middle', async () => {
    const task_id = '1500030200-procedurev2-afc1fe7dfe51cd88a5d588cacba53393tt0'
    await deliver(signedCallback({ task_id }))
    const { text } = await pageOf(await (await signedIn()).open('/'))
    expect(text).toContain(`title="${task_id}"`)
    expect(text).toContain('88a5d588cac</span><span>ba53393tt0</span>')
  })
})
