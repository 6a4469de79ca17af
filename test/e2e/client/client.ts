/** A client as anybody generates one: the test makes `paths.d.ts` of the document, and checks the types of this file. */
import createClient from 'openapi-fetch'
import type { paths } from './paths.d.ts'

/** Does what operators and readers do, and tells what came of it. */
export async function operate(baseUrl: string, token: string) {
  const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } })
  const one = { params: { path: { task_id: 'a/b' } } }

  const record = await client.GET('/v1/snapshots/{task_id}', { params: { ...one.params, query: { wait: 25 } } })
  const url = record.data?.status === 'completed' ? record.data.snapshot_pic_list[0]?.url : undefined
  const etag = record.response.headers.get('etag') ?? ''
  const again = await client.GET('/v1/snapshots/{task_id}', {
    params: { ...one.params, header: { 'If-None-Match': etag } },
  })

  const feed = await client.GET('/v1/snapshots', { params: { query: { order: 'oldest', limit: 1 } } })
  const refused = await client.GET('/v1/snapshots', { params: { query: { limit: 0 } } })
  // @ts-expect-error there is no such order: a client is told before it asks
  const wrong = await client.GET('/v1/snapshots', { params: { query: { order: 'random' } } })

  const range = { since: '2020-01-01', until: '2100-01-01' }
  const republished = await client.POST('/v1/republish', { params: { query: range } })
  const republishedOne = await client.POST('/v1/snapshots/{task_id}/republish', one)
  const registration = { vendor: 'hw', appid: '12345' } as const
  const off = await client.PUT('/v1/snapshots/{task_id}', { ...one, body: registration })
  const start = { Vendor: 'Tencent', FileId: '1', Type: 'SampleSnapshot', Definition: 10 } as const
  const unstarted = await client.POST('/v1/snapshots', { body: start })

  const quarantine = await client.GET('/v1/quarantine', { params: { query: { reason: 'conflict' } } })
  const id = quarantine.data?.items[0]?.id ?? ''
  const entry = await client.GET('/v1/quarantine/{id}', { params: { path: { id } } })
  const retried = await client.POST('/v1/quarantine/{id}/retry', { params: { path: { id } } })
  const deleted = await client.DELETE('/v1/quarantine', { params: { query: { reason: 'conflict' } } })
  const gone = await client.DELETE('/v1/snapshots/{task_id}', one)
  const status = await client.GET('/v1/status')
  const health = await client.GET('/healthz')

  return {
    url,
    unchanged: again.response.status,
    feed: feed.data?.items.map(({ task_id }) => task_id),
    refused: refused.error && [refused.error.code, refused.error.parameter],
    wrong: wrong.error?.parameter,
    republished: republished.data,
    republishedOne: republishedOne.data?.status,
    unstarted: unstarted.response.status,
    off: off.error && [off.error.code, off.error.setting],
    quarantined: entry.data?.task_id,
    retried: retried.data?.status,
    deleted: deleted.data,
    gone: gone.response.status,
    exact: status.data?.quarantined.conflict.exact,
    health: health.data?.status,
  }
}
