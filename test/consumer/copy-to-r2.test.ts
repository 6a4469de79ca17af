import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { handle } from '../../examples/consumer/copy-to-r2.ts'
import { Dead } from '../../examples/consumer/dead.ts'
import { addressOf } from '../../examples/consumer/picture-hosts.ts'
import type { SnapshotEvent } from '../../src/event.ts'
import { completed, failed, referred } from './events.ts'

const HOST = 'https://pictures.test'
const settings = {
  PICTURES: env.PICTURES,
  PICTURE_HOSTS: 'pictures.test',
  RECEIVER_URL: 'https://receiver.test',
  API_TOKEN: 'the-token',
}
const MB = 1024 * 1024

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))
const jpeg = (text: string) => bytesOf(`\xff\xd8\xff${text.padEnd(2000)}`)
const answered =
  (status: number, headers = {}, body: BodyInit | null = null) =>
  () =>
    new Response(body, { status, headers })
const found = (body: BodyInit, headers = {}) => answered(200, headers, body)

/** What the hosts answer, by address; any other picture is a JPEG of its path. */
let answers: Record<string, () => Response>
let asked: { url: string; headers: Record<string, string> }[]
const urlsAsked = () => asked.map(({ url }) => url.replace(HOST, ''))

beforeEach(() => {
  answers = {}
  asked = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const url = new Request(input).url
    asked.push({ url, headers: init!.headers as Record<string, string> })
    // What would follow by itself would lead to hosts that nobody named, and take the token there.
    expect(init).toMatchObject({ redirect: 'manual', signal: expect.any(AbortSignal) })
    return (answers[url.replace(HOST, '')] ?? found(jpeg(new URL(url).pathname)))()
  })
})

const at = (path: string) => `${HOST}${path}`
const copy = (task_id: string, ...urls: string[]) => handle(completed(task_id, urls), settings)
const failureOf = (work: Promise<void>) =>
  work.then(
    () => undefined,
    (error: Error) => error,
  )

async function stored(prefix = '') {
  const { objects } = await env.PICTURES.list({ prefix })
  return objects.map(({ key }) => key)
}

async function object(key: string) {
  const there = await env.PICTURES.get(key)
  return there && { type: there.httpMetadata?.contentType, bytes: await there.bytes() }
}

const picture = (path: string) => ({ type: 'image/jpeg', bytes: jpeg(path) })

it('copies each picture to its place in the list, equal ones and redirected ones too', async () => {
  answers = { '/to/b': answered(302, { location: '/b' }) }
  await copy('whole', at('/a?sign=a%2Bb%3D%3D'), at('/a?sign=a%2Bb%3D%3D'), at('/to/b'))
  expect(await stored()).toEqual(['whole/0.jpg', 'whole/1.jpg', 'whole/2.jpg'])
  for (const [n, path] of ['/a', '/a', '/b'].entries()) expect(await object(`whole/${n}.jpg`)).toEqual(picture(path))
})

it('copies the rest when one fails, and later only what is missing', async () => {
  answers['/late?sign=secret'] = answered(503, {}, '/late?sign=secret has expired')
  const [early, late, last] = ['/early', '/late?sign=secret', '/last']
  const error = await failureOf(copy('task', at(early), at(late), at(last)))
  expect(error?.message).toBe('picture 1: its host answered 503; the URL may have expired')
  expect(error).not.toBeInstanceOf(Dead)
  answers = {}
  await copy('task', at(early), at(late), at(last))
  expect(await object('task/1.jpg')).toEqual(picture('/late'))
  expect(urlsAsked()).toEqual([early, late, last, late])
})

it('copies twenty pictures an attempt, and goes on with the next attempt', async () => {
  const urls = Array.from({ length: 25 }, (_, n) => at(`/${n}`))
  await expect(copy('many', ...urls)).rejects.toThrow('5 pictures are left for the next attempt')
  await copy('many', ...urls)
  expect([(await stored()).length, asked.length]).toEqual([25, 25])
})

it('replaces a picture that another content of the task has in its place, of another kind too', async () => {
  answers = { '/png': found(bytesOf(`\x89PNG\r\n\x1a\n${'p'.repeat(2000)}`)) }
  await copy('replaced', at('/old'), at('/png'))
  expect(await stored()).toEqual(['replaced/0.jpg', 'replaced/1.png'])
  await copy('replaced', at('/new'), at('/now-a-jpeg'))
  expect(await stored()).toEqual(['replaced/0.jpg', 'replaced/1.jpg'])
  expect(await object('replaced/0.jpg')).toEqual(picture('/new'))
})

it.each([
  ['jpg', 'image/jpeg', '\xff\xd8\xff'],
  ['png', 'image/png', '\x89PNG\r\n\x1a\n'],
  ['webp', 'image/webp', 'RIFF\x01\x02\x03\nWEBPVP8 '],
])('the first bytes decide that it is a %s, whatever the host calls it', async (suffix, type, head) => {
  const bytes = bytesOf(head.padEnd(2000))
  answers = { '/0': found(bytes, { 'content-type': 'text/html' }) }
  await copy('kind', at('/0'))
  expect(await object(`kind/0.${suffix}`)).toEqual({ type, bytes })
})

const cutOff = () => new Response(new ReadableStream({ pull: (stream) => stream.error(new Error('cut off')) }))
const svg = { 'content-type': 'image/svg+xml' }

it.each<[string, () => Response, RegExp]>([
  ['a page', found('<!doctype html><title>No</title>', svg), /^picture 0: it is no JPEG, PNG or WebP, but image\/svg/],
  ['too many bytes', found(new Uint8Array(10 * MB + 1)), /it has more than 10485760 bytes/],
  ['a redirect to another host', answered(307, { location: 'https://evil.test/' }), /evil\.test is not in/],
])('is given up, and the others are copied: %s', async (_what, answer, why) => {
  answers = { '/0': answer }
  const error = await failureOf(copy('task', at('/0'), at('/well')))
  expect([error instanceof Dead, error?.message]).toEqual([true, expect.stringMatching(why)])
  expect(await stored()).toEqual(['task/1.jpg'])
})

it.each<[string, () => Response, RegExp]>([
  ['an expired URL', answered(403), /answered 403; the URL may have expired/],
  ['a redirect without end', answered(302, { location: '/0' }), /redirects too often/],
  ['an empty picture', found(''), /it is empty/],
  ['a picture cut off', cutOff, /cut off/],
])('is tried again, and no part of it is stored: %s', async (_what, answer, why) => {
  answers = { '/0': answer }
  const error = await failureOf(copy('task', at('/0')))
  expect([error instanceof Dead, error?.message]).toEqual([false, expect.stringMatching(why)])
  expect(await stored()).toEqual([])
})

it('skips a picture without a URL, and has nothing to copy for a failed task', async () => {
  await copy('gaps', '', at('/beside-a-gap'))
  await handle(failed('failed'), settings)
  expect(await stored()).toEqual(['gaps/1.jpg'])
})

it('reads from the receiver what was too large for a message, and gives up when it is gone', async () => {
  const { data } = completed('large/task', [at('/of-large')])
  answers = {
    'https://receiver.test/v1/snapshots/large%2Ftask': () => Response.json(data),
    'https://receiver.test/v1/snapshots/gone': answered(404),
  }
  await handle(referred('large/task'), settings)
  expect(asked[0]?.headers['authorization']).toBe('Bearer the-token')
  expect(await object('large%2Ftask/0.jpg')).toEqual(picture('/of-large'))
  const gone = handle(referred('gone') satisfies SnapshotEvent, settings)
  await expect(gone).rejects.toEqual(new Dead('the receiver answered 404'))
})

it.each([
  ['1500030200-procedurev2-afc1tt0', '1500030200-procedurev2-afc1tt0'],
  ['../b', '%2E%2E%2Fb'],
  ['sha256=00', 'sha256%3D00'],
  ['/'.repeat(512), 'sha256=8be9dd9aa2ce4f6ca129ec12a928e715e8ab94ee6f5ee992d8a141f185f95808'],
])('keeps the pictures of task %s in %s', async (task_id, folder) => {
  await copy(task_id, at('/odd'))
  expect(await stored()).toEqual([`${folder}/0.jpg`])
})

describe('the hosts that are named', () => {
  const hosts = 'cdn.example.com, *.vod.example.com\nhttp://127.0.0.1:8788'

  it.each([
    ['http://cdn.example.com/a?b=%2B', 'https://cdn.example.com/a?b=%2B'],
    ['HTTPS://CDN.example.com/a', 'https://cdn.example.com/a'],
    ['http://1.vod.example.com/a', 'https://1.vod.example.com/a'],
    ['http://127.0.0.1:8788/a', 'http://127.0.0.1:8788/a'],
  ])('are asked: %s as %s', (url, address) => {
    expect(addressOf(url, hosts).href).toBe(address)
  })

  it.each([
    'https://vod.example.com/a',
    'https://cdn.example.com.evil.test/a',
    'https://cdn.example.com:8443/a',
    'https://cdn.example.com@evil.test/a',
    'https://user:secret@cdn.example.com/a',
    'data:image/jpeg;base64,/9j/',
    '/relative.jpg',
  ])('are the only ones: not %s', async (url) => {
    const error = await failureOf(handle(completed('nowhere', [url]), { ...settings, PICTURE_HOSTS: hosts }))
    expect([error instanceof Dead, error?.message]).toEqual([true, expect.stringMatching(/its (URL|host)/)])
    expect(asked).toEqual([])
  })

  it.each([{ PICTURE_HOSTS: hosts }, { PICTURES: env.PICTURES }])('and the bucket are both needed', async (given) => {
    await expect(handle(completed('unset'), given)).rejects.toThrow(/PICTURE_HOSTS are not both set/)
  })
})
