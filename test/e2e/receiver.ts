/** The built Worker with stores of its own and sample pictures: for browsers to look at. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createTestHarness } from 'wrangler'
import { pictureServer } from '../../tools/lib/pictures.ts'
import { callbackFor, encode, post, type Callback } from '../../tools/zegocloud/callback.ts'

export const SECRET = 'secret'
export const TOKEN = 'dev-token'

/** Set here, as all secrets are: the developer's own would else be read from .dev.vars. */
const SERVER_SECRET = '{"12345":"server secret"}'
const PATH_TOKEN = 'path-token'

/** Nothing here needs the network. */
const QUIET = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
}

const root = join(import.meta.dirname, '../..')

/** @param secrets replace the usual ones */
export async function openReceiver(secrets: Record<string, string> = {}) {
  Object.assign(process.env, QUIET)
  const pictures = pictureServer()
  const picturesAt = await listen(pictures)
  const server = createTestHarness({
    root,
    workers: [
      {
        configPath: 'wrangler.toml',
        secrets: {
          ZEGO_CALLBACK_SECRET: SECRET,
          API_TOKEN: TOKEN,
          ZEGO_SERVER_SECRET: SERVER_SECRET,
          CALLBACK_PATH_TOKEN: PATH_TOKEN,
          ...secrets,
        },
      },
    ],
  })
  const { url } = await server.listen()

  /** Delivers a callback as it is, and gives the answer's status. */
  const deliver = async (callback: Callback) =>
    (await post(new URL(`/zego/callback/${PATH_TOKEN}`, url), encode(callback, 'json'))).status

  const env = () => server.getWorker<{ DB: D1Database }>().getEnv()

  return {
    origin: url.origin,
    pictures,
    picturesAt,
    deliver,
    /** A usual callback, with its own ways. */
    deliverSample: (options: Partial<Parameters<typeof callbackFor>[0]> = {}) =>
      deliver(callbackFor({ secret: SECRET, picturesAt, ...options })),
    env,
    /** Takes everything down. */
    async clear() {
      const { DB } = await env()
      await fetch(new URL('/healthz', url)) // makes the tables
      await DB.batch(['snapshots', 'quarantine', 'ledger', 'state'].map((table) => DB.prepare(`DELETE FROM ${table}`)))
    },
    async close() {
      await server.close()
      pictures.close()
    },
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
