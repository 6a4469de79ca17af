import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver, recordInKv, rows } from '../worker.ts'
import { linkOf, pageOf, signedIn } from './visitor.ts'

describe('the task page', () => {
  it('shows its facts, its pictures and its record', async () => {
    await deliver(signedCallback({ task_id: 'task' }))
    const { text } = await pageOf(await (await signedIn()).open('/tasks/task'))
    for (const words of [
      'Tencent Cloud',
      '1397757897438985100',
      '12345',
      '<dt>KV</dt><dd>Published</dd>',
      '2 pictures',
      '0:01.0',
      '0:02.5',
    ]) {
      expect(text).toContain(words)
    }
    expect(text).toContain('alt="Screenshot 2 of 2 at 0:02.5"')
    expect(text).toContain('Show JSON')
  })

  it('deletes a task from D1 and from KV', async () => {
    await deliver(signedCallback({ task_id: 'a/b' }))
    const someone = await signedIn()
    expect((await pageOf(await someone.open('/tasks/a%2Fb'))).text).toContain('action="/tasks/a%2Fb/delete"')
    const answer = await someone.submit('/tasks/a%2Fb/delete')
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/?flash=deleted'])
    expect([await recordInKv('a/b'), await rows('SELECT task_id FROM snapshots')]).toEqual([null, []])
  })

  it('says that callbacks for the task are in quarantine, and leads to them', async () => {
    await deliver(signedCallback({ task_id: 'task', field_id: 'first' }))
    const someone = await signedIn()
    expect((await pageOf(await someone.open('/tasks/task'))).text).not.toContain('in quarantine.')
    for (const field_id of ['second', 'third']) await deliver(signedCallback({ task_id: 'task', field_id }))
    const { text } = await pageOf(await someone.open('/tasks/task'))
    expect(text).toContain('2 callbacks for this task in quarantine. <a href="/quarantine?task_id=task">')
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
