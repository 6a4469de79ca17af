import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, recordInKv, rows } from '../worker.ts'
import { signedIn } from './visitor.ts'

const pageOf = async (answer: Response) => ({ status: answer.status, text: await answer.text() })

async function deliverMany(count: number) {
  for (let n = 1; n <= count; n += 1) await deliver(signedCallback({ task_id: `task-${String(n).padStart(3, '0')}` }))
}

const idsOf = (text: string) => [...text.matchAll(/href="\/tasks\/([^"?]+)"/g)].map(([, id]) => id!)

const linkOf = (text: string, rel: 'prev' | 'next') =>
  new RegExp(`href="([^"]+)" rel="${rel}"`).exec(text)?.[1]?.replaceAll('&amp;', '&')

describe('the gallery', () => {
  it('says what to do while nothing has come', async () => {
    const { text } = await pageOf(await (await signedIn()).open('/'))
    expect(text).toContain('No callback yet')
    expect(text).toContain('https://receiver.test/zego/callback')
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
    const someone = await signedIn()
    const paths = ['/', '/?status=completed', '/?status=failed', '/?below=9000', '/?above=9000', '/?status=pending']
    for (const path of [...paths, '/quarantine', '/health', '/new?than=5']) {
      expect(await rowsReadBy(() => someone.open(path)), path).toBeLessThanOrEqual(200)
    }
  })

  it('finds a task by its id, and says where there is none', async () => {
    await deliver(signedCallback({ task_id: 'a/b c' }))
    const someone = await signedIn()
    const found = await someone.open('/?task_id=a%2Fb+c&status=')
    expect([found.status, found.headers.get('location')]).toEqual([303, '/tasks/a%2Fb%20c'])
    const { status, text } = await pageOf(await someone.open('/?task_id=%3Cb%3E&status='))
    expect(status).toBe(404)
    expect(text).toContain('No task <code>&lt;b&gt;</code> is known')
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
})

/** What D1 says that it has read, statement by statement. */
async function rowsReadBy(work: () => Promise<unknown>): Promise<number> {
  let read = 0
  const seen = (result: D1Result) => {
    read += result.meta.rows_read
    return result
  }
  const { DB } = env
  const prepare = DB.prepare.bind(DB)
  const counting = (statement: D1PreparedStatement): D1PreparedStatement => {
    const { bind, all } = statement
    return Object.assign(statement, {
      bind: (...values: unknown[]) => counting(bind.apply(statement, values)),
      all: async () => seen(await all.call(statement)),
      first: async () => seen(await all.call(statement)).results[0] ?? null,
    })
  }
  const spies = [
    vi.spyOn(DB, 'prepare').mockImplementation((sql) => counting(prepare(sql))),
    vi
      .spyOn(DB, 'batch')
      .mockImplementation(async (statements) => Promise.all(statements.map((each) => each.all<never>()))),
  ]
  await work()
  for (const spy of spies) spy.mockRestore()
  expect(read).toBeGreaterThan(0)
  return read
}

describe('the task page', () => {
  it('shows its facts, its pictures and its record', async () => {
    await deliver(signedCallback({ task_id: 'task' }))
    const { text } = await pageOf(await (await signedIn()).open('/tasks/task'))
    for (const words of [
      'Tencent Cloud',
      '1397757897438985100',
      '12345',
      'KV and Queue',
      '2 pictures',
      '0:01.0',
      '0:02.5',
    ]) {
      expect(text).toContain(words)
    }
    expect(text).toContain('alt="Screenshot 2 of 2 at 0:02.5"')
    expect(text).toMatch(/<circle cx="39\.99%"/)
    expect(text).toContain('Show JSON')
  })

  it('draws no line without offsets, and names what has no host', async () => {
    const list = JSON.stringify([
      { url: 'screenshots/0.jpg' },
      { url: 'javascript:alert(1)' },
      { url: '//evil.test/x.jpg' },
    ])
    await deliver(signedCallback({ task_id: 'relative', vendor: 'hw', snapshot_pic_list: list }))
    const { text } = await pageOf(await (await signedIn()).open('/tasks/relative'))
    expect(text).not.toMatch(/<svg|<img|href="javascript|src="\/\/|href="\/\//)
    expect(text).toContain('>0.jpg</code>')
    expect(text).toContain('Huawei Cloud')
  })

  it('tries pictures over http as https where the page is, and as they are where it is not', async () => {
    await deliver(signedCallback({ task_id: 'task' }))
    const secure = await pageOf(await (await signedIn()).open('/tasks/task'))
    expect(secure.text).toContain('src="https://abc.com/2.jpg"')
    expect(secure.text).toContain('href="http://abc.com/1.jpg?sign=a%2Bb%3D%3D&amp;t=1"')
    const plain = await pageOf(await (await signedIn({}, 'http://receiver.test')).open('/tasks/task'))
    expect(plain.text).toContain('src="http://abc.com/2.jpg"')
  })

  it('sends a finished task again', async () => {
    await deliver(signedCallback({ task_id: 'task' }))
    await env.RESULTS.delete('task')
    const someone = await signedIn()
    const answer = await someone.submit('/tasks/task/send')
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/tasks/task?flash=sent'])
    expect(await recordInKv('task')).toMatchObject({ task_id: 'task' })
    expect((await someone.submit('/tasks/unknown/send')).headers.get('location')).toBe('/tasks/unknown?flash=unsent')
  })

  it('turns the pages of a long list of pictures', async () => {
    const list = JSON.stringify(Array.from({ length: 250 }, (_, n) => ({ url: `https://abc.com/${n}.jpg` })))
    await deliver(signedCallback({ task_id: 'long', snapshot_pic_list: list }))
    const someone = await signedIn()
    const first = (await pageOf(await someone.open('/tasks/long'))).text
    const last = (await pageOf(await someone.open('/tasks/long?from=241'))).text
    expect(first.match(/<img/g)).toHaveLength(120)
    expect(linkOf(first, 'next')).toBe('/tasks/long?from=121')
    expect(last.match(/<img/g)).toHaveLength(10)
    expect(linkOf(last, 'next')).toBeUndefined()
  })

  it('says that a task is not known', async () => {
    expect((await (await signedIn()).open('/tasks/unknown')).status).toBe(404)
  })
})

describe('what ZEGOCLOUD sends', () => {
  const evil = `"'><script>alert(1)</script>`

  it('is text, whatever field it is in', async () => {
    const list = JSON.stringify([{ url: evil }, { url: `https://abc.com/"onerror="alert(2)${evil}`, offset: 1 }])
    const fields = { task_id: evil, vendor: evil, appid: evil, field_id: evil, snapshot_pic_list: list }
    await deliver({ ...signedCallback(fields), [evil]: evil })
    await deliver({ ...signedCallback({ ...fields, field_id: 'other' }), [evil]: evil })
    await deliver(signedCallback({ event: evil, task_id: evil }))
    const someone = await signedIn()
    const kept = await rows<{ id: string }>('SELECT id FROM quarantine')
    expect(kept).toHaveLength(2)
    const ofKept = kept.map(({ id }) => `/quarantine/${encodeURIComponent(id)}`)
    for (const path of ['/', `/tasks/${encodeURIComponent(evil)}`, '/quarantine', ...ofKept]) {
      const { status, text } = await pageOf(await someone.open(path))
      expect([path, status]).toEqual([path, 200])
      expect(text).toContain('&lt;script&gt;')
      expect(text).not.toMatch(/<script>|"onerror/)
    }
  })
})

describe('the quarantine', () => {
  it('says in sentences what is in it, and groups what repeats', async () => {
    await deliver(signedCallback({ task_id: 'old', timestamp: '1700000000' }))
    for (const task_id of ['a', 'b', 'c']) await deliver(signedCallback({ event: 'compose', task_id }))
    const { text } = await pageOf(await (await signedIn()).open('/quarantine'))
    expect(text).toMatch(/Its time is \d+ d( \d+ h)? old\. Is a clock wrong, or was it replayed\?/)
    expect(text).toContain('Another kind of callback: <code>compose</code>.')
    expect(text).toContain('3 of them here')
    expect(text).toContain('4 in quarantine')
    expect(text.match(/Delete all 3 for good/g)).toHaveLength(1)
  })

  it('accepts what was too old', async () => {
    await deliver(signedCallback({ task_id: 'old', timestamp: '1700000000' }))
    const [{ id }] = (await rows<{ id: string }>('SELECT id FROM quarantine')) as [{ id: string }]
    const answer = await (await signedIn()).submit(`/quarantine/${encodeURIComponent(id)}/retry`)
    expect(answer.headers.get('location')).toBe('/quarantine?flash=stored')
    expect(await rows('SELECT id FROM quarantine')).toEqual([])
    expect(await recordInKv('old')).toMatchObject({ status: 'completed' })
  })

  it('compares a conflict, and lets it win', async () => {
    await deliver(signedCallback({ task_id: 'task', field_id: 'first' }))
    await deliver(signedCallback({ task_id: 'task', field_id: 'second' }))
    const [{ id }] = (await rows<{ id: string }>('SELECT id FROM quarantine')) as [{ id: string }]
    const path = `/quarantine/${encodeURIComponent(id)}`
    const someone = await signedIn()
    const { text } = await pageOf(await someone.open(path))
    expect(text).toMatch(/What would be stored.*second.*What is stored.*first.*As it was received.*second/s)
    expect((await someone.submit(`${path}/retry`)).headers.get('location')).toBe(`${path}?flash=still`)
    expect((await someone.submit(`${path}/retry`, { replace: 'true' })).headers.get('location')).toBe(
      '/quarantine?flash=stored',
    )
    expect(await recordInKv('task')).toMatchObject({ field_id: 'second' })
    expect(await rows('SELECT reason FROM quarantine')).toEqual([{ reason: 'replaced' }])
  })

  it('deletes one, or all of a kind', async () => {
    for (const task_id of ['a', 'b', 'c']) await deliver(signedCallback({ event: 'compose', task_id }))
    const ids = (await rows<{ id: string }>('SELECT id FROM quarantine')).map(({ id }) => id)
    const someone = await signedIn()
    await someone.submit('/quarantine/delete', [
      ['id', ids[0]!],
      ['id', ids[1]!],
    ])
    expect(await rows('SELECT id FROM quarantine')).toEqual([{ id: ids[2] }])
  })
})

describe('the health page', () => {
  it('lists what is well and what is not, with what fixes it', async () => {
    await deliver(signedCallback())
    await deliver(signedCallback({}, 'another secret'))
    const { text } = await pageOf(await (await signedIn({ CALLBACK_PATH_TOKEN: '' })).open('/health'))
    expect(text).toContain('The last callback came')
    expect(text).toContain('npx wrangler secret put CALLBACK_PATH_TOKEN')
    expect(text).toContain('Worth a look')
  })

  it('never shows the path token', async () => {
    const someone = await signedIn({ CALLBACK_PATH_TOKEN: 'path-token-7' })
    for (const path of ['/', '/health']) {
      const { text } = await pageOf(await someone.open(path))
      expect(text).not.toContain('path-token-7')
      expect(text).toContain('&lt;CALLBACK_PATH_TOKEN&gt;')
    }
  })

  it('says that D1 does not answer', async () => {
    const someone = await signedIn({
      DB: {
        prepare: () => {
          throw new Error('D1_ERROR: down')
        },
      },
    })
    const health = await pageOf(await someone.open('/health'))
    expect(health.status).toBe(200)
    expect(health.text).toContain('D1 does not answer')
    expect((await someone.open('/')).status).toBe(503)
  })

  it.each([
    {},
    { ZEGO_CALLBACK_SECRET: '["first","second"]' },
    { ZEGO_CALLBACK_SECRET: '{"7":["süß",""],"8":"x"}'.replace(',""', '') },
  ])('sends a test callback the whole way, and leaves nothing of it: %j', async (settings) => {
    const someone = await signedIn(settings)
    const { text } = await pageOf(await someone.submit('/health/test'))
    for (const words of ['was signed', 'matches a configured secret', 'is fresh', 'D1 took it', 'is deleted']) {
      expect(text).toContain(words)
    }
    expect(await rows('SELECT id FROM quarantine')).toEqual([])
    expect(await rows('SELECT task_id FROM snapshots')).toEqual([])
    expect((await env.RESULTS.list()).keys).toEqual([])
  })

  it('shows where a test callback got stuck', async () => {
    const someone = await signedIn({
      DB: {
        prepare: () => {
          throw new Error('D1_ERROR: down')
        },
      },
    })
    await someone.open('/health')
    const { text } = await pageOf(await someone.submit('/health/test'))
    expect(text).toContain('D1 did not take it in time: the queue INTAKE did')
  })
})
