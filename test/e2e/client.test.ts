import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import openapiTypes from 'openapi-typescript'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundle } from '../../tools/lab/bundle.ts'
import { API_TOKEN, SECRET } from '../../tools/lab/secrets.ts'
import { startWorld, type World } from '../../tools/lab/world.ts'
import { callbackFor, encode, post } from '../../tools/zegocloud.ts'

const client = join(import.meta.dirname, 'client')
const root = join(import.meta.dirname, '../..')
let world: World

beforeAll(async () => {
  const types = await openapiTypes(pathToFileURL(join(root, 'src/http/openapi.json')))
  writeFileSync(join(client, 'paths.d.ts'), types)
  world = await startWorld(await bundle('src/worker.ts'))
})

afterAll(() => world.stop())

it('a client that is generated from the document has types that fit', () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  expect(() => execFileSync(process.execPath, [tsc, '-p', client], { stdio: 'pipe' })).not.toThrow()
})

it('a client that is generated from the document operates the Worker', async () => {
  for (const vendor of ['tencent', 'hw'] as const) {
    const callback = callbackFor({ secret: SECRET, task_id: 'a/b', appid: '12345', vendor })
    await post(world.callbackUrl, encode(callback, 'json'))
  }
  const { operate } = (await import(join(client, 'client.ts'))) as {
    operate: (url: string, token: string) => Promise<unknown>
  }
  expect(await operate(new URL(world.url).origin, API_TOKEN)).toEqual({
    url: expect.stringMatching(/^http/),
    unchanged: 304,
    feed: ['a/b'],
    refused: ['invalid_request', 'limit'],
    wrong: 'order',
    republished: { republished: 1, next_since: null },
    republishedOne: 'accepted',
    unstarted: 503,
    off: ['not_configured', 'ZEGO_SERVER_SECRET'],
    quarantined: 'a/b',
    retried: 'quarantined',
    deleted: { deleted: 1, more: false },
    gone: 204,
    exact: true,
    health: 'ok',
  })
})
