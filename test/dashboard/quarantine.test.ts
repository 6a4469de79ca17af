import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, recordInKv, rows } from '../worker.ts'
import { finished, ON, playZegocloud } from '../zego/zegocloud.ts'
import { pageOf, signedIn } from './visitor.ts'

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
    expect(text).toMatch(/This one.*Stored for its task.*<mark>second.*<mark>first.*As it was received.*second/s)
    expect(text).toContain('They differ in: Source file.')
    expect(text.match(/<mark>/g)).toHaveLength(2)
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
    expect(kept).toContain('What used its signature first is in quarantine too: <a href="/quarantine/unsupported_event')
  })

  it('asks ZEGOCLOUD which of two contents is its own', async () => {
    playZegocloud(() => finished('http://abc.com/2.jpg'))
    const list = (url: string) => JSON.stringify([{ url }])
    await deliver(signedCallback({ task_id: 'task', snapshot_pic_list: list('http://abc.com/1.jpg') }))
    await deliver(signedCallback({ task_id: 'task', snapshot_pic_list: list('http://abc.com/2.jpg') }))
    const [{ id }] = (await rows<{ id: string }>('SELECT id FROM quarantine')) as [{ id: string }]
    const someone = await signedIn(ON)
    const { text } = await pageOf(await someone.submit(`/quarantine/${encodeURIComponent(id)}/confirmation`))
    expect(text).toMatch(/<td>ZEGOCLOUD confirms it\.<\/td><td>ZEGOCLOUD does not confirm it: it names 1 other picture/)
  })
})
