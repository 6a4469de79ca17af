import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { keep } from '../http/entries.ts'
import { deliver, recordInKv, rows } from '../worker.ts'
import { linkOf, pageOf, signedIn } from './visitor.ts'

/** The page of the only entry. */
async function pathOfEntry(): Promise<string> {
  const [entry] = await rows<{ id: string }>('SELECT id FROM quarantine')
  return `/quarantine/${encodeURIComponent(entry!.id)}`
}

describe('the quarantine', () => {
  it('says in sentences what is in it, each with what can be done about it alone', async () => {
    await deliver(signedCallback({ task_id: 'old', timestamp: '1700000000' }))
    for (const task_id of ['a', 'b', 'c']) await deliver(signedCallback({ event: 'compose', task_id }))
    for (const field_id of ['1', '2', '3']) await deliver(signedCallback({ task_id: 'task', field_id }))
    const someone = await signedIn()
    const { text } = await pageOf(await someone.open('/quarantine'))
    expect(text).toContain('The timestamp is too far from now.')
    expect(text).toContain('Another kind of callback: <code>compose</code>.')
    expect(text).toContain('6 in quarantine')
    const times = (words: string) => text.split(words).length - 1
    expect([times('>Delete it for good<'), times('>Compare</a>'), times('>Accept</button>')]).toEqual([6, 2, 1])
    expect(text).toMatch(/unsupported_event 3<\/a>.*conflict 2<\/a>.*stale 1<\/a>/s)
    const filtered = async (query: string) => (await pageOf(await someone.open(`/quarantine?${query}`))).text
    expect(await filtered('reason=stale&task_id=old')).toMatch(/^(?!.*compose).*>old</s)
    expect(await filtered('reason=stale&task_id=b')).toContain('Nothing in quarantine matches.')
  })

  it('offers Accept only where a record would be stored', async () => {
    await deliver(signedCallback({ task_id: 'no list', snapshot_pic_list: 'x' }))
    await deliver(signedCallback({ task_id: 'refused' }, 'another secret'))
    const someone = await signedIn()
    const isOffered = async (path: string, who = someone) =>
      (await pageOf(await who.open(path))).text.includes('>Accept</button>')
    const paths = (await rows<{ id: string }>('SELECT id FROM quarantine ORDER BY reason')).map(
      ({ id }) => `/quarantine/${encodeURIComponent(id)}`,
    )
    expect(await Promise.all(['/quarantine', ...paths].map((path) => isOffered(path)))).toEqual([false, false, false])
    const withIt = await signedIn({ ZEGO_CALLBACK_SECRET: 'another secret' })
    expect(await Promise.all(paths.map((path) => isOffered(path, withIt)))).toEqual([true, false])
  })

  it('turns its pages both ways', async () => {
    const someone = await signedIn()
    await keep('stale', 100, 'i / 2')
    const idsOf = (text: string) => Array.from(text.matchAll(/stale%3A(\d+)\/delete/g), ([, n]) => Number(n))
    const turn = async (path: string, rel: 'prev' | 'next') => {
      const pages: { path: string; ids: number[] }[] = []
      for (let to: string | undefined = path; to;) {
        const { text } = await pageOf(await someone.open(to))
        pages.push({ path: to, ids: idsOf(text) })
        to = linkOf(text, rel)
      }
      return pages
    }
    const down = await turn('/quarantine?reason=stale', 'next')
    expect(down.flatMap(({ ids }) => ids)).toEqual([...Array(100).keys()].toReversed())
    const up = await turn(down.at(-1)!.path, 'prev')
    expect(up.toReversed()).toEqual(down)
  })

  it('compares a conflict, and lets it win', async () => {
    await deliver(signedCallback({ task_id: 'task', field_id: 'first' }))
    await deliver(signedCallback({ task_id: 'task', field_id: 'second' }))
    const path = await pathOfEntry()
    const someone = await signedIn()
    const { text } = await pageOf(await someone.open(path))
    expect(text).toMatch(/This one.*Stored for its task.*<mark>second.*<mark>first.*As it was received.*second/s)
    expect(text.match(/<th scope="row">Received<.*?<\/tr>/s)![0].match(/<time /g)).toHaveLength(2)
    expect(text.match(/<mark>/g)).toHaveLength(2)
    expect((await someone.submit(`${path}/retry`)).headers.get('location')).toBe(`${path}?flash=still`)
    expect((await someone.submit(`${path}/retry`, { replace: 'true' })).headers.get('location')).toBe(
      '/quarantine?flash=stored',
    )
    expect(await recordInKv('task')).toMatchObject({ field_id: 'second' })
    expect(await rows('SELECT reason FROM quarantine')).toEqual([{ reason: 'replaced' }])
  })

  it('shows of two lists the pictures that differ, marked', async () => {
    const list = (...pictures: object[]) => JSON.stringify(pictures)
    const same = { url: 'https://abc.com/1.jpg', offset: 1000 }
    for (const offset of [2000, 3000]) {
      const snapshot_pic_list = list(same, { url: 'https://abc.com/2.jpg', offset })
      await deliver(signedCallback({ task_id: 'task', snapshot_pic_list }))
    }
    const { text } = await pageOf(await (await signedIn()).open(await pathOfEntry()))
    expect(Array.from(text.matchAll(/<mark>(.*?)<\/mark>/g), ([, words]) => words)).toEqual(
      [3000, 2000].map((offset) => `{&quot;offset&quot;:${offset},&quot;url&quot;:&quot;https://abc.com/2.jpg&quot;}`),
    )
  })

  it('deletes all of a reason, and says how many are left where there are more than a thousand', async () => {
    const someone = await signedIn()
    await keep('bad_signature', 1200, 'i')
    const before = (await pageOf(await someone.open('/quarantine?reason=bad_signature'))).text
    expect(before).toContain('Delete all over 1,000 for good')
    const answer = await someone.submit('/quarantine/delete-all', { reason: 'bad_signature' })
    const { text } = await pageOf(await someone.open(answer.headers.get('location')!))
    expect(text).toContain('1,000 deleted. Repeat to delete the rest.')
    expect(text).toContain('Delete all 200 for good')
    expect((await someone.submit('/quarantine/delete-all', { reason: '%' })).headers.get('location')).toBe(
      '/quarantine',
    )
    expect(await rows('SELECT count(*) AS n FROM quarantine')).toEqual([{ n: 200 }])
  })

  it('shows what took a signature first, wherever that is', async () => {
    const someone = await signedIn()
    const first = signedCallback({ task_id: 'genuine' })
    await deliver(first)
    await deliver({ ...first, task_id: 'forged' })
    const other = signedCallback({ event: 'compose' })
    await deliver(other)
    await deliver({ ...other, event: 'snapshot', task_id: 'forged too' })
    const path = async (task_id: string) => {
      const sql = `SELECT id FROM quarantine WHERE reason = 'signature_reused' AND task_id = '${task_id}'`
      return `/quarantine/${encodeURIComponent((await rows<{ id: string }>(sql))[0]!.id)}`
    }
    const stored = (await pageOf(await someone.open(await path('forged')))).text
    expect(stored).toMatch(/This one.*Stored with its signature.*<mark>forged<.*<mark>genuine</s)
    const kept = (await pageOf(await someone.open(await path('forged too')))).text
    expect(kept).toContain('first is also in quarantine: <a href="/quarantine/unsupported_event')
  })
})
