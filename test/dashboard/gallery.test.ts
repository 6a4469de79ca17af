import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver } from '../worker.ts'
import { linkOf, pageOf, signedIn } from './visitor.ts'

const idsOf = (text: string) => [...text.matchAll(/href="\/tasks\/([^"?]+)"/g)].map(([, id]) => id!)

/** A link that leads round in a circle ends the test. */
const MOST_PAGES = 20

describe('the gallery', () => {
  it('says that callbacks are refused while none was accepted, and leads to the page that says why', async () => {
    await deliver(signedCallback({}, 'another secret'))
    const someone = await signedIn()
    expect((await pageOf(await someone.open('/'))).text).toContain('Callbacks are refused: <a href="/health">')
    expect((await pageOf(await someone.open('/health'))).text).toContain('npx wrangler secret put ZEGO_CALLBACK_SECRET')
  })

  it.each([
    ['/', Array<number>(10).fill(20)],
    ['/?status=completed', [0, 0, 9]],
  ])('turns its pages both ways, however many tasks do not match: %s', async (start, sizes) => {
    const someone = await signedIn()
    await someone.open('/')
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 200)
      INSERT INTO snapshots (place, task_id, status, content, via, record)
      SELECT i, 'task-' || i, iif(i < 10, 'completed', 'pending'), 'c', 'callback', '{"vendor":"hw"}' FROM n`,
    ).run()
    const down: string[] = []
    for (let path: string | undefined = start; path && down.length < MOST_PAGES; path = linkOf(down.at(-1)!, 'next')) {
      down.push((await pageOf(await someone.open(path))).text)
    }
    expect(down.map((text) => idsOf(text).length)).toEqual(sizes)
    const ids = down.flatMap(idsOf)
    expect(ids).toEqual(ids.map((_, n) => `task-${ids.length - n}`))
    if (sizes[0] === 0) expect(down[0]).toContain('among the latest 80 tasks. Older tasks may match.')
    const up: string[] = []
    for (let path = linkOf(down.at(-1)!, 'prev')!; path !== start && up.length < MOST_PAGES;) {
      const answer = await someone.open(path)
      up.push(await answer.text())
      path = answer.headers.get('location') ?? linkOf(up.at(-1)!, 'prev')!
    }
    expect(up.flatMap(idsOf)).toEqual(down.slice(1, -1).toReversed().flatMap(idsOf))
  })

  it('finds a task by its id, or tasks by the beginning of their ids, and says where there is none', async () => {
    const many = Array.from({ length: 21 }, (_, n) => `task-${n}`)
    for (const task_id of ['a/b c', 'ab1-x', 'ab1-y', 'AB1-z', 'ab2', ...many])
      await deliver(signedCallback({ task_id }))
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
    expect(linkOf((await pageOf(await someone.open('/?below=1'))).text, 'prev')).toBe('/?above=0') // an empty page
    expect((await pageOf(await someone.open('/tasks/waits'))).text).toContain('Pending')
  })
})
