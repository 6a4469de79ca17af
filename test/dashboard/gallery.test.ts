import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver } from '../worker.ts'
import { linkOf, pageOf, signedIn } from './visitor.ts'

async function deliverMany(count: number) {
  for (let n = 1; n <= count; n += 1) await deliver(signedCallback({ task_id: `task-${String(n).padStart(3, '0')}` }))
}

const idsOf = (text: string) => [...text.matchAll(/href="\/tasks\/([^"?]+)"/g)].map(([, id]) => id!)

describe('the gallery', () => {
  it('says that callbacks are refused while none was accepted, and leads to the page that says why', async () => {
    await deliver(signedCallback({}, 'another secret'))
    const someone = await signedIn()
    expect((await pageOf(await someone.open('/'))).text).toContain('Callbacks are refused: <a href="/health">')
    expect((await pageOf(await someone.open('/health'))).text).toContain('npx wrangler secret put ZEGO_CALLBACK_SECRET')
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

  it('finds a task by its id, or tasks by the beginning of their ids, and says where there is none', async () => {
    for (const task_id of ['a/b c', 'ab1-x', 'ab1-y', 'AB1-z', 'ab2']) await deliver(signedCallback({ task_id }))
    await deliverMany(21)
    const someone = await signedIn()
    const found = async (query: string) => {
      const answer = await someone.open(`/?task_id=${encodeURIComponent(query)}`)
      const text = await answer.text()
      return [answer.status, answer.headers.get('location') ?? idsOf(text).toSorted(), text] as const
    }
    expect(await found('a/b c')).toEqual([303, '/tasks/a%2Fb%20c', ''])
    expect(await found('ab2')).toEqual([303, '/tasks/ab2', ''])
    const several = expect.stringContaining('Tasks that begin with <code>ab1</code>:')
    expect(await found('ab1')).toEqual([200, ['ab1-x', 'ab1-y'], several])
    expect(await found('task-')).toMatchObject([
      200,
      { length: 20 },
      expect.stringContaining('</code> (the first 20):'),
    ])
    const none = expect.stringContaining('No task_id begins with <code>&lt;b&gt;</code>')
    expect(await found('<b>')).toEqual([404, [], none])
    expect((await found('%'))[0]).toBe(404)
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
    expect((await pageOf(await someone.open('/?status=failed'))).text).toContain('There are no failed tasks.')
    expect((await pageOf(await someone.open('/tasks/waits'))).text).toContain('Pending')
  })

  it('goes on behind many tasks that do not match, both ways', async () => {
    const someone = await signedIn()
    await someone.open('/')
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 200)
      INSERT INTO snapshots (place, task_id, status, content, via, record)
      SELECT i, 'task-' || i, iif(i < 10, 'completed', 'pending'), 'c', 'callback', '{"vendor":"hw"}' FROM n`,
    ).run()
    const seen: string[] = []
    let last = ''
    for (let path: string | undefined = '/?status=completed'; path; path = linkOf(last, 'next')) {
      last = (await pageOf(await someone.open(path))).text
      seen.push(...idsOf(last))
      if (seen.length === 0) expect(last).toContain('among the latest 80 tasks. Older tasks may match.')
    }
    expect(seen).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1].map((n) => `task-${n}`))
    const ways: unknown[] = []
    for (let path = linkOf(last, 'prev')!; path !== '/?status=completed';) {
      const answer = await someone.open(path)
      const text = await answer.text()
      ways.push(answer.status === 303 ? 'the top' : [idsOf(text).length, linkOf(text, 'next') !== undefined])
      path = answer.headers.get('location') ?? linkOf(text, 'prev')!
    }
    expect(ways).toEqual([[0, true], [0, true], 'the top'])
  })
})
