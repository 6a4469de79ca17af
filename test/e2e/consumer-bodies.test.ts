import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createTestHarness, type TestHarness } from 'wrangler'
import { handle as copyToR2 } from '../../examples/consumer/copy-to-r2.ts'
import { addressOf } from '../../examples/consumer/picture-hosts.ts'
import { handle as post } from '../../examples/consumer/post.ts'
import type { CompletedRecord, SnapshotEvent } from '../../src/event.ts'
import { projectCopy } from './project-copy.ts'

/** The harness hands what Workers fetch to this process, whose own `fetch` would follow redirects before they see them. */
const { fetch } = globalThis
vi.stubGlobal('fetch', (url: string, request: RequestInit) => fetch(new Request(url, request), { redirect: 'manual' }))

const soon = { timeout: 20_000, interval: 50 }

type Request = { method: string; url: string; headers: IncomingMessage['headers']; body: string }

/** Whatever the consumer talks to over HTTP, and what it was asked. */
async function serve(answer: (request: Request, response: ServerResponse) => void) {
  const requests: Request[] = []
  const take = async (incoming: IncomingMessage, response: ServerResponse) => {
    const { method = '', url = '', headers } = incoming
    const request = { method, url, headers, body: await text(incoming) }
    requests.push(request)
    answer(request, response)
  }
  const server = createServer((incoming, response) => void take(incoming, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    asked: (path: string) => requests.filter(({ url }) => url === path),
    close,
  }
}

/** The example consumer with one of its bodies, its own wrangler.toml, and what `changes` make of its files. */
async function consumerWith(body: string, changes: Record<string, [string, string][]>, vars: Record<string, string>) {
  const copy = projectCopy()
  const all: typeof changes = {
    'worker.ts': [
      ["from './print.ts'", `from './${body}'`],
      ['FIRST_RETRY_SECONDS = 10', 'FIRST_RETRY_SECONDS = 0'],
    ],
    'wrangler.toml': [
      ['max_batch_timeout = 1', 'max_batch_timeout = 0'],
      ['max_retries = 10\n', 'max_retries = 1\n'],
      ...(changes['wrangler.toml'] ?? []),
    ],
    [body]: changes[body] ?? [],
  }
  for (const [file, edits] of Object.entries(all)) {
    const path = join(copy.directory, 'examples/consumer', file)
    const before = readFileSync(path, 'utf8')
    for (const [from] of edits) expect(before).toContain(from)
    writeFileSync(
      path,
      edits.reduce((now, [from, to]) => now.replaceAll(from, to), before),
    )
  }
  const server = createTestHarness({
    root: copy.directory,
    workers: [
      {
        config: {
          name: 'feeder',
          main: join(import.meta.dirname, 'feeder.ts'),
          compatibility_date: '2026-10-23',
          queues: { producers: [{ binding: 'EVENTS', queue: 'zego-snapshots-events' }] },
        },
      },
      { configPath: 'examples/consumer/wrangler.toml', vars },
    ],
  })
  await server.listen()
  return {
    ...outsideOf(server),
    async close() {
      await server.close()
      copy.remove()
    },
  }
}

function outsideOf(server: TestHarness) {
  const env = () => server.getWorker<{ DB: D1Database; PICTURES: R2Bucket }>('zego-snapshots-consumer').getEnv()
  const rows = async <Row>(query: string) => (await (await env()).DB.prepare(query).all<Row>()).results
  return {
    async send(...events: SnapshotEvent[]) {
      const { EVENTS } = await server.getWorker<{ EVENTS: Queue }>('feeder').getEnv()
      await EVENTS.sendBatch(events.map((body) => ({ body })))
    },
    /** The tasks whose events have become dead letters. */
    async dead() {
      const letters = await rows<{ body: string }>('SELECT body FROM dead')
      return letters.map(({ body }) => (JSON.parse(body) as SnapshotEvent).subject)
    },
    /** Waits until an event of the task has been handled. */
    handled: (event: SnapshotEvent) =>
      vi.waitFor(
        async () => expect(await rows('SELECT id FROM seen WHERE busy_until IS NULL')).toContainEqual({ id: event.id }),
        soon,
      ),
    said: (what: string) =>
      server
        .getLogs()
        .map(({ message }) => message)
        .filter((message) => message.includes(what)),
    bucket: async () => (await env()).PICTURES,
  }
}

const sha256 = (of: string) => createHash('sha256').update(of).digest('hex')

/** `turn` makes it another content of the same task, with another id. */
function completed(task_id: string, urls: string[] = [], turn = 1) {
  const received_at = '2026-11-22T10:00:00.000Z'
  return {
    specversion: '1.0',
    id: sha256(`${turn} ${task_id}`),
    source: '/zego/12345',
    type: 'com.zegocloud.snapshot.completed',
    subject: task_id,
    time: received_at,
    datacontenttype: 'application/json',
    data: {
      task_id,
      status: 'completed',
      appid: '12345',
      vendor: 'tencent',
      snapshot_pic_list: urls.map((url, index) => ({ url, offset: index * 1000 })),
      via: 'callback',
      received_at,
    },
  } satisfies SnapshotEvent
}

function failed(task_id: string): SnapshotEvent {
  const { data, ...event } = completed(task_id)
  const { appid, vendor, received_at } = data
  const error = { message: 'file does not exist' }
  return {
    ...event,
    type: 'com.zegocloud.snapshot.failed',
    data: { task_id, status: 'failed', appid, vendor, error, received_at },
  }
}

describe('post.ts', () => {
  const keys = [randomBytes(32), randomBytes(24)]
  const secrets = keys.map((key) => `whsec_${key.toString('base64')}`)
  let consumer: Awaited<ReturnType<typeof consumerWith>>
  let target: Awaited<ReturnType<typeof serve>>
  /** What the target answers to the events of a task, one by one; then 204. */
  const answers = new Map<string, number[]>()
  const sent: Request[] = []
  const sentOf = (task_id: string) => sent.filter(({ body }) => (JSON.parse(body) as SnapshotEvent).subject === task_id)

  beforeAll(async () => {
    target = await serve((request, response) => {
      sent.push(request)
      const status = answers.get((JSON.parse(request.body) as SnapshotEvent).subject)?.shift() ?? 204
      // 0: it takes the event and says nothing.
      if (status !== 0)
        response.writeHead(status, { location: '/elsewhere' }).end(status === 204 ? undefined : 'so be it')
    })
    const vars = { TARGET_URL: `${target.origin}/hook`, TARGET_SECRET: secrets.join(' ') }
    consumer = await consumerWith('post.ts', { 'post.ts': [['TIMEOUT_MS = 20_000', 'TIMEOUT_MS = 3_000']] }, vars)
  })

  afterAll(async () => {
    await consumer.close()
    target.close()
  })

  test('sends the event as it came, with the signatures of Standard Webhooks', async () => {
    const events = [completed('signed – ünï', ['https://pictures.test/1.jpg?sign=a%2Bb%3D%3D']), failed('broken')]
    await consumer.send(...events)
    for (const event of events) {
      await consumer.handled(event)
      const [request, ...again] = sentOf(event.subject)
      // On a busy machine the first answer may come too late, and the event is sent again: as the same one.
      for (const { headers } of again) expect(headers['webhook-id']).toBe(event.id)
      const { headers, body, method, url } = request!
      expect({ method, url, event: JSON.parse(body) as unknown }).toEqual({ method: 'POST', url: '/hook', event })
      expect(headers['content-type']).toBe('application/cloudevents+json; charset=utf-8')
      expect(headers['webhook-id']).toBe(event.id)
      expect(headers['user-agent']).toBe('zego-snapshots-consumer')
      // Whoever has one of the secrets can verify it, and nobody else.
      for (const secret of secrets) {
        expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(event)
      }
      const stranger = new Webhook(randomBytes(32).toString('base64'))
      expect(() => stranger.verify(body, headers as Record<string, string>)).toThrow('No matching signature')
    }
  })

  test.each([
    ['an answer outside 2XX', 500],
    ['a redirect', 302],
    ['no answer in time', 0],
  ])('sends it again after %s, with the same id', async (what, status) => {
    answers.set(what, [status])
    await consumer.send(completed(what))
    await consumer.handled(completed(what))
    expect(sentOf(what).map(({ headers }) => headers['webhook-id'])).toEqual([completed(what).id, completed(what).id])
    expect(target.asked('/elsewhere')).toEqual([])
    expect(await consumer.dead()).not.toContain(what)
    if (status !== 0) expect(consumer.said(`TARGET_URL answered ${status}: so be it`)).toHaveLength(1)
  })

  test('makes the event a dead letter at once after 410, and sends it when it is published again', async () => {
    answers.set('unwanted', [410])
    await consumer.send(completed('unwanted'))
    await vi.waitFor(async () => expect(await consumer.dead()).toEqual(['unwanted']), soon)
    expect(sentOf('unwanted')).toHaveLength(1)
    expect(consumer.said('unwanted is given up: TARGET_URL answered 410: so be it')).toHaveLength(1)
    await consumer.send(completed('unwanted'))
    await consumer.handled(completed('unwanted'))
    expect(sentOf('unwanted')).toHaveLength(2)
  })

  test.each([
    ['no secret', { TARGET_URL: 'http://127.0.0.1:9' }],
    ['no target', { TARGET_SECRET: secrets[0]! }],
    ['a secret without its prefix', { TARGET_URL: 'http://127.0.0.1:9', TARGET_SECRET: keys[0]!.toString('base64') }],
    ['an empty secret', { TARGET_URL: 'http://127.0.0.1:9', TARGET_SECRET: 'whsec_' }],
    ['a short secret', { TARGET_URL: 'http://127.0.0.1:9', TARGET_SECRET: 'whsec_c2hvcnQ=' }],
    ['a broken one of two', { TARGET_URL: 'http://127.0.0.1:9', TARGET_SECRET: `whsec_! ${secrets[0]}` }],
  ])('sends nothing with %s', async (_what, settings) => {
    await expect(post(completed('unset'), settings)).rejects.toThrow(/TARGET_SECRET/)
  })
})

describe('copy-to-r2.ts', () => {
  const jpeg = (name: string, bytes = 2000) =>
    Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(bytes, name)])
  const etag = '"of the picture"'
  let consumer: Awaited<ReturnType<typeof consumerWith>>
  let host: Awaited<ReturnType<typeof serve>>
  let receiver: Awaited<ReturnType<typeof serve>>
  const records = new Map<string, CompletedRecord>()
  let asked: (path: string) => Request[]
  const at = (path: string) => `${host.origin}${path}`
  /** Pictures of other kinds, and under other types, by path. */
  const others = new Map<string, { bytes: Buffer; type?: string }>()
  const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>')
  /** Statuses with which paths answer before they are well. */
  const unwell = new Map<string, number[]>()

  beforeAll(async () => {
    host = await serve(({ url, headers }, response) => {
      const [path = ''] = url.split('?')
      const name = path.slice(1)
      const trouble = unwell.get(path)?.shift()
      if (trouble !== undefined) return void response.writeHead(trouble).end(`Sorry,\n ${url} has expired`)
      const other = others.get(path)
      if (other) {
        const { bytes, type } = other
        const typed = type === undefined ? {} : { 'content-type': type }
        return void response.writeHead(200, { ...typed, 'content-length': bytes.length }).end(bytes)
      }
      if (path.startsWith('/hanging')) return
      if (path.startsWith('/to/')) return void response.writeHead(302, { location: path.slice(3) }).end()
      if (path === '/round') return void response.writeHead(302, { location: '/round' }).end()
      if (path === '/out') {
        const elsewhere = `http://localhost:${host.port}/stolen`
        return void response.writeHead(307, { location: elsewhere }).end()
      }
      if (path.startsWith('/same') && headers['if-none-match'] === etag) return void response.writeHead(304).end()
      const bytes = jpeg(name, path.startsWith('/large') ? 9000 : 2000)
      const type = 'image/jpeg'
      const tag = /^\/(same|deaf)/.test(path) ? { etag } : {}
      if (path.includes('chunked')) {
        response.writeHead(200, { 'content-type': type })
        response.write(bytes.subarray(0, 100))
        return void response.end(bytes.subarray(100))
      }
      const length = path.startsWith('/empty') ? 0 : bytes.length
      response.writeHead(200, { 'content-type': type, 'content-length': length, ...tag })
      if (path.startsWith('/cut')) return void response.write(bytes.subarray(0, 100), () => response.destroy())
      response.end(length === 0 ? undefined : bytes)
    })
    asked = host.asked
    others.set('/page', { bytes: Buffer.from('<!doctype html><title>No</title>'), type: 'image/jpeg' })
    others.set('/drawing', { bytes: SVG, type: 'image/svg+xml' })
    others.set('/short', { bytes: Buffer.from('GIF8'), type: 'image/gif' })
    receiver = await serve(({ url, headers }, response) => {
      const record = records.get(url)
      if (headers.authorization !== 'Bearer the-token') response.writeHead(401).end()
      else if (!record) response.writeHead(404).end('no such task')
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(record))
    })
    consumer = await consumerWith(
      'copy-to-r2.ts',
      {
        'wrangler.toml': [
          ['# [[r2_buckets]]', '[[r2_buckets]]'],
          ['# binding = "PICTURES"', 'binding = "PICTURES"'],
          ['# bucket_name = "zego', 'bucket_name = "zego'],
        ],
        'copy-to-r2.ts': [
          ['LARGEST_PICTURE_BYTES = 10 * 1024 * 1024', 'LARGEST_PICTURE_BYTES = 5000'],
          ['LARGEST_BUFFERED_BYTES = 2 * 1024 * 1024', 'LARGEST_BUFFERED_BYTES = 4000'],
          ['PICTURE_TIMEOUT_MS = 20_000', 'PICTURE_TIMEOUT_MS = 3_000'],
          ['PICTURES_AN_ATTEMPT = 20', 'PICTURES_AN_ATTEMPT = 5'],
        ],
      },
      { PICTURE_HOSTS: `http://127.0.0.1:${host.port}`, RECEIVER_URL: receiver.origin, API_TOKEN: 'the-token' },
    )
  })

  afterAll(async () => {
    await consumer.close()
    host.close()
    receiver.close()
  })

  async function stored(key: string) {
    const object = await (await consumer.bucket()).get(key)
    return object && { type: object.httpMetadata?.contentType, bytes: Buffer.from(await object.arrayBuffer()) }
  }

  const keys = async (prefix: string) => {
    const { objects } = await (await consumer.bucket()).list({ prefix })
    return objects.map(({ key }) => key)
  }

  const picture = (name: string) => ({ type: 'image/jpeg', bytes: jpeg(name) })

  const isDead = (task_id: string) => vi.waitFor(async () => expect(await consumer.dead()).toContain(task_id), soon)

  test('copies each picture to its place in the list, announced or not, equal ones too', async () => {
    const event = completed('whole', [
      at('/a?sign=a%2Bb%3D%3D'),
      at('/chunked'),
      at('/a?sign=a%2Bb%3D%3D'),
      at('/to/b'),
    ])
    await consumer.send(event)
    await consumer.handled(event)
    expect(await keys('whole/')).toEqual(['whole/0.jpg', 'whole/1.jpg', 'whole/2.jpg', 'whole/3.jpg'])
    const all = [picture('a'), picture('chunked'), picture('a'), picture('b')]
    for (const [n, expected] of all.entries()) expect(await stored(`whole/${n}.jpg`)).toEqual(expected)
    expect(asked('/a?sign=a%2Bb%3D%3D')).toHaveLength(2)
  })

  test('copies the rest when one fails, and later only what is missing', async () => {
    unwell.set('/late', [503])
    const event = completed('mended', [at('/early'), at('/late'), at('/early-too')])
    await consumer.send(event)
    await consumer.handled(event)
    expect(await stored('mended/1.jpg')).toEqual(picture('late'))
    expect(['/early', '/late', '/early-too'].map((path) => asked(path).length)).toEqual([1, 2, 1])
    expect(consumer.said('picture 1: its host answered 503: Sorry, /late has expired')).toHaveLength(1)
  })

  test('takes more pictures than one attempt may in several attempts', async () => {
    const event = completed(
      'many',
      Array.from({ length: 8 }, (_, n) => at(`/many-${n}`)),
    )
    await consumer.send(event)
    await consumer.handled(event)
    expect(await keys('many/')).toHaveLength(8)
    for (let n = 0; n < 8; n++) expect(asked(`/many-${n}`)).toHaveLength(1)
    expect(consumer.said('3 pictures are left for the next attempt')).toHaveLength(1)
  })

  test('does not fetch again what is there: by its URL, by its etag, by its etag and size', async () => {
    const first = completed('again', [at('/fixed'), at('/same?t=1'), at('/deaf?t=1')])
    const second = completed('again', [at('/fixed'), at('/same?t=2'), at('/deaf?t=2')], 2)
    await consumer.send(first)
    await consumer.handled(first)
    const before = await (await consumer.bucket()).list({ prefix: 'again/' })
    await consumer.send(second)
    await consumer.handled(second)
    const after = await (await consumer.bucket()).list({ prefix: 'again/' })
    expect(after.objects.map(({ version }) => version)).toEqual(before.objects.map(({ version }) => version))
    expect(asked('/fixed')).toHaveLength(1)
    expect(asked('/same?t=2').map(({ headers }) => headers['if-none-match'])).toEqual([etag])
    expect(asked('/deaf?t=2')).toHaveLength(1)
  })

  test.each(['application/octet-stream', 'binary/octet-stream', 'image/jpg', 'text/html', undefined])(
    'takes a JPEG that comes under the type %s',
    async (type) => {
      const path = `/under-${String(type)}`
      others.set(path, { bytes: jpeg('under'), ...(type !== undefined && { type }) })
      const event = completed(path.replaceAll('/', '-'), [at(path)])
      await consumer.send(event)
      await consumer.handled(event)
      expect(await stored(`${event.subject}/0.jpg`)).toEqual(picture('under'))
    },
  )

  test('keeps a PNG and a WebP under their own types and suffixes', async () => {
    const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(2000, 'p')])
    const webp = Buffer.concat([Buffer.from('RIFF\x01\x02\x03\nWEBPVP8 ', 'latin1'), Buffer.alloc(2000, 'w')])
    others.set('/png', { bytes: png, type: 'image/jpeg' })
    others.set('/webp', { bytes: webp })
    const event = completed('kinds', [at('/png'), at('/webp')])
    await consumer.send(event)
    await consumer.handled(event)
    expect(await stored('kinds/0.png')).toEqual({ type: 'image/png', bytes: png })
    expect(await stored('kinds/1.webp')).toEqual({ type: 'image/webp', bytes: webp })
    // The same task again, of which one picture is a JPEG now.
    const next = completed('kinds', [at('/now-a-jpeg'), at('/webp')], 2)
    await consumer.send(next)
    await consumer.handled(next)
    expect(await keys('kinds/')).toEqual(['kinds/0.jpg', 'kinds/1.webp'])
    expect(asked('/webp')).toHaveLength(1)
  })

  test('has nothing to copy where a picture has no URL, and copies the others', async () => {
    const event = completed('gaps', ['', at('/beside-a-gap'), ''])
    await consumer.send(event)
    await consumer.handled(event)
    expect(await keys('gaps/')).toEqual(['gaps/1.jpg'])
    expect(asked('/beside-a-gap').map(({ headers }) => headers['user-agent'])).toEqual(['zego-snapshots-consumer'])
  })

  test('replaces a picture that another content of the task has in its place', async () => {
    await consumer.send(completed('replaced', [at('/old')]))
    await consumer.handled(completed('replaced'))
    const event = completed('replaced', [at('/new')], 2)
    await consumer.send(event)
    await consumer.handled(event)
    expect(await stored('replaced/0.jpg')).toEqual(picture('new'))
  })

  test.each([
    ['a page that says it is a picture', '/page', /it is no JPEG, PNG or WebP, but image\/jpeg/],
    ['a drawing', '/drawing', /it is no JPEG, PNG or WebP, but image\/svg\+xml/],
    ['a few bytes of something', '/short', /it is no JPEG, PNG or WebP, but image\/gif/],
    ['too many bytes', '/large', /it has 9003 bytes/],
    ['too many bytes, unannounced', '/large-chunked', /it has more than 4000 bytes/],
    ['a redirect to a host that is not named', '/out', /its host localhost:\d+ is not in PICTURE_HOSTS/],
  ])('gives up at once on %s, and copies the others', async (what, path, reason) => {
    await consumer.send(completed(what, [at(path), at('/well')]))
    await isDead(what)
    expect(consumer.said(`${what} is given up`).join()).toMatch(reason)
    expect(await keys(encodeURIComponent(what))).toEqual([`${encodeURIComponent(what)}/1.jpg`])
    expect(asked(path)).toHaveLength(1)
    expect(asked('/stolen')).toEqual([])
  })

  test('gives up on what is nowhere to be fetched, without asking anyone', async () => {
    const urls = ['/relative.jpg', 'ftp://127.0.0.1/a.jpg', 'http://localhost:1/a.jpg', 'data:image/jpeg;base64,/9j/']
    await consumer.send(completed('nowhere', urls))
    await isDead('nowhere')
    const said = consumer.said('nowhere is given up').join()
    expect(said).toContain('picture 0: its URL is not absolute; picture 1: its URL is not a plain https or http one')
    expect(said).toContain('picture 2: its host localhost:1 is not in PICTURE_HOSTS; picture 3: its URL is not a plain')
  })

  test.each([
    ['an expired URL', '/expired?sign=a%2Bb%3D%3D', /answered 403: Sorry, \/expired\?… has expired; the URL may have/],
    ['a host that hangs', '/hanging', /timeout/i],
    ['a redirect without end', '/round', /redirects too often/],
    ['an empty picture', '/empty', /it is empty/],
    ['a picture cut off', '/cut', /picture 0: /],
  ])(
    'tries again after %s, keeps the event as a dead letter in the end, and stores no part',
    async (what, path, why) => {
      unwell.set('/expired', [403, 403])
      await consumer.send(completed(what, [at(path)]))
      await isDead(what)
      expect(asked(path).length).toBeGreaterThanOrEqual(2)
      expect(consumer.said('is retried in').join('\n')).toMatch(why)
      expect(await keys(encodeURIComponent(what))).toEqual([])
    },
  )

  test('never logs what a URL is signed with', () => {
    expect(consumer.said('sign=')).toEqual([])
  })

  test('reads from the receiver what was too large for a message, and gives up when it is gone', async () => {
    const tooLarge = (task_id: string): SnapshotEvent => {
      const { data, ...event } = completed(task_id)
      const { snapshot_pic_list: _pictures, ...rest } = data
      return { ...event, dataref: `/v1/snapshots/${encodeURIComponent(task_id)}`, data: { ...rest, pictures: 1 } }
    }
    records.set('/v1/snapshots/large%2Ftask', completed('large/task', [at('/of-large')]).data)
    await consumer.send(tooLarge('large/task'), tooLarge('deleted'))
    await consumer.handled(tooLarge('large/task'))
    expect(await stored('large%2Ftask/0.jpg')).toEqual(picture('of-large'))
    await isDead('deleted')
    expect(receiver.asked('/v1/snapshots/deleted')).toHaveLength(1)
    expect(consumer.said('deleted is given up: the receiver answered 404: no such task')).toHaveLength(1)
  })

  test('has nothing to copy for a failed task or an empty list', async () => {
    await consumer.send(failed('failed'), completed('empty'))
    await consumer.handled(failed('failed'))
    await consumer.handled(completed('empty'))
  })

  test.each([
    ['1500030200-procedurev2-afc1tt0', '1500030200-procedurev2-afc1tt0'],
    ['a/b', 'a%2Fb'],
    ['a%2Fb', 'a%252Fb'],
    ['../b', '%2E%2E%2Fb'],
    ['...', '%2E%2E%2E'],
    ["*'! ~", "*'!%20~"],
    ['sha256=00', 'sha256%3D00'],
    ['ü'.repeat(166), '%C3%BC'.repeat(166)],
    ['ü'.repeat(256), `sha256=${sha256('ü'.repeat(256))}`],
    ['/'.repeat(512), `sha256=${sha256('/'.repeat(512))}`],
  ])('keeps the pictures of task %s in %s', async (task_id, folder) => {
    const event = completed(task_id, [at('/odd')])
    await consumer.send(event)
    await consumer.handled(event)
    expect(await stored(`${folder}/0.jpg`)).toEqual(picture('odd'))
  })

  const hosts = 'cdn.example.com, *.vod.example.com\nhttp://plain.example.com http://127.0.0.1:8788'

  test.each([
    ['https://cdn.example.com/a?b=%2B', 'https://cdn.example.com/a?b=%2B'],
    ['http://cdn.example.com/a', 'https://cdn.example.com/a'],
    ['HTTPS://CDN.example.com/a', 'https://cdn.example.com/a'],
    ['http://1.vod.example.com/a', 'https://1.vod.example.com/a'],
    ['http://plain.example.com/a', 'http://plain.example.com/a'],
    ['https://plain.example.com/a', 'https://plain.example.com/a'],
    ['http://127.0.0.1:8788/a', 'http://127.0.0.1:8788/a'],
  ])('fetches %s as %s', (url, address) => {
    expect(addressOf(url, hosts).href).toBe(address)
  })

  test.each([
    'https://vod.example.com/a',
    'https://evilvod.example.com/a',
    'https://cdn.example.com.evil.test/a',
    'https://cdn.example.com:8443/a',
    'https://cdn.example.com@evil.test/a',
    'https://user:secret@cdn.example.com/a',
    'http://127.0.0.1:8789/a',
    'https://evil.test\\@cdn.example.com/a',
    'javascript:alert(1)',
    'file:///cdn.example.com/a',
    '//cdn.example.com/a',
    '',
  ])('does not fetch %s', (url) => {
    expect(() => addressOf(url, hosts)).toThrow(/its (URL|host)/)
  })

  test.each([
    ['no bucket', { PICTURE_HOSTS: hosts }],
    ['no hosts', { PICTURES: {} as R2Bucket }],
  ])('copies nothing with %s', async (_what, settings) => {
    await expect(copyToR2(completed('unset'), settings)).rejects.toThrow(/PICTURE_HOSTS are not both set/)
  })
})
