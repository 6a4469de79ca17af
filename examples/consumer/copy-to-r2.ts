/**
 * Copies the pictures of each finished task to R2, as `<task_id>/<n>.jpg`; n is the place in the list, from 0.
 *
 * ZEGOCLOUD's URLs are the vendor's and expire: a picture that was not copied in time is lost. And ZEGOCLOUD does not sign
 * them: only hosts that you name are fetched from.
 */
import type { SnapshotEvent } from 'zego-snapshots/event'
import { Dead } from './dead.ts'
import { recordOf, type Settings as RecordSettings } from './record.ts'

export type Settings = RecordSettings & {
  PICTURES?: R2Bucket
  /**
   * Where pictures may come from, with spaces between: `cdn.example.com`, `*.example.com` (every host below it),
   * `cdn.example.com:8443`. They are fetched over https, also where ZEGOCLOUD says http; write `http://cdn.example.com`
   * for a host that has nothing else.
   */
  PICTURE_HOSTS?: string
}

/** A picture as it is to be: `source` tells its URL apart from others, without keeping what the URL is signed with. */
type Copy = { n: number; url: string; key: string; source: string; there: R2Object | undefined }

const TYPE = 'image/jpeg'
const LARGEST_PICTURE_BYTES = 10 * 1024 * 1024
/** Of a picture that does not announce its length: R2 wants to know it, so the picture is held in memory. */
const LARGEST_BUFFERED_BYTES = 2 * 1024 * 1024
const MOST_REDIRECTS = 3
const AT_ONCE = 4
const PICTURE_TIMEOUT_MS = 20_000
/** Less than the claim in worker.ts lasts. What is copied by then stays, and the rest comes with the next attempt. */
const EVENT_TIMEOUT_MS = 90_000
/** An attempt's share: a picture takes two of the 50 subrequests that an invocation of the free plan has. Paid: 400. */
const PICTURES_AN_ATTEMPT = 20
/** R2 takes keys of 1,024 bytes. */
const LONGEST_FOLDER_BYTES = 1000

export async function handle(event: SnapshotEvent, settings: Settings) {
  if (event.type === 'com.zegocloud.snapshot.failed') return
  const { PICTURES, PICTURE_HOSTS } = settings
  if (!PICTURES || !PICTURE_HOSTS) throw new Error('the bucket PICTURES and PICTURE_HOSTS are not both set')
  const signal = AbortSignal.timeout(EVENT_TIMEOUT_MS)
  const { task_id, snapshot_pic_list } = await recordOf(event, settings, signal)
  const folder = await folderOf(task_id)
  const copied = await objectsIn(`${folder}/`, PICTURES)
  const copies = await Promise.all(
    snapshot_pic_list.map(async ({ url }, n) => {
      const key = `${folder}/${n}.jpg`
      return { n, url, key, source: await sha256(url), there: copied.get(key) }
    }),
  )
  // The same URL is the same picture: it is not even asked for, and may have expired.
  const missing = copies.filter(({ source, there }) => there?.customMetadata?.['source'] !== source)
  const failures = await eachOf(missing.slice(0, PICTURES_AN_ATTEMPT), (copy) =>
    copyPicture(copy, PICTURES, PICTURE_HOSTS, signal),
  )
  report(failures, missing.length - PICTURES_AN_ATTEMPT)
  console.log(`snapshot ${event.subject}: ${copies.length} pictures in ${folder}/, ${missing.length} of them new`)
}

/**
 * A task_id may hold `/` and anything else. Here it is percent-encoded, dots too, or hashed where that gets too long for a key;
 * `=` keeps the two apart, since encoding leaves none.
 */
async function folderOf(task_id: string) {
  const encoded = encodeURIComponent(task_id).replaceAll('.', '%2E')
  return encoded.length <= LONGEST_FOLDER_BYTES ? encoded : `sha256=${await sha256(task_id)}`
}

/** The address to fetch a picture from. */
export function addressOf(url: string, hosts: string, base?: URL) {
  const address = URL.parse(url, base?.href)
  if (!address) throw new Dead('its URL is not absolute')
  if (!/^https?:$/.test(address.protocol) || address.username || address.password) {
    throw new Dead('its URL is not a plain https or http one')
  }
  const named = hosts
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => isNamed(address.host, entry.replace(/^http:\/\//, '')))
  if (named.length === 0) throw new Dead(`its host ${address.host} is not in PICTURE_HOSTS`)
  if (!named.some((entry) => entry.startsWith('http://'))) address.protocol = 'https:'
  return address
}

const isNamed = (host: string, name: string) => (name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name)

async function copyPicture({ url, key, source, there }: Copy, bucket: R2Bucket, hosts: string, event: AbortSignal) {
  const signal = AbortSignal.any([event, AbortSignal.timeout(PICTURE_TIMEOUT_MS)])
  const known = there?.customMetadata?.['etag']
  const response = await get(url, hosts, known ? { 'if-none-match': known } : {}, signal)
  try {
    if (response.status === 304) return
    if (!response.ok) throw new Error(`its host answered ${response.status}; the URL may have expired`)
    const type = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (type !== TYPE) throw new Dead(`it is ${type}, not ${TYPE}`)
    const etag = response.headers.get('etag')
    const length = lengthOf(response)
    if (there && etag && etag === known && length === there.size) return
    await bucket.put(key, await bodyOf(response, length), {
      // Ours, not the host's: whoever serves it from here serves a picture.
      httpMetadata: { contentType: TYPE },
      customMetadata: { source, ...(etag && { etag }) },
    })
  } finally {
    if (!response.bodyUsed) await response.body?.cancel()
  }
}

/** Redirects lead to hosts that are named, too, or nowhere. */
async function get(url: string, hosts: string, headers: Record<string, string>, signal: AbortSignal) {
  let address = addressOf(url, hosts)
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    // Compressed, a picture would have no length that is known.
    const init = { headers: { ...headers, 'accept-encoding': 'identity' }, redirect: 'manual', signal } as const
    const response = await fetch(address, init)
    const location = response.headers.get('location')
    if (location === null || response.status < 300 || response.status > 399) return response
    await response.body?.cancel()
    address = addressOf(location, hosts, address)
  }
  throw new Error('its host redirects too often')
}

/** Null when it is not announced. */
function lengthOf({ headers }: Response) {
  const length = headers.get('content-length')
  return length === null || headers.has('content-encoding') ? null : Number(length)
}

/** What R2 takes: a stream of known length, or bytes. */
async function bodyOf(response: Response, length: number | null) {
  if (length !== null && length > LARGEST_PICTURE_BYTES) throw new Dead(`it has ${length} bytes`)
  const body = length === null ? await bytesOf(response) : response.body
  if (!body || length === 0) throw new Error('it is empty')
  return body
}

async function bytesOf(response: Response) {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength
    if (length > LARGEST_BUFFERED_BYTES) throw new Dead(`it has more than ${LARGEST_BUFFERED_BYTES} bytes`)
    chunks.push(chunk)
  }
  return length > 0 ? new Blob(chunks).arrayBuffer() : null
}

/** One listing for a thousand pictures: asking for each would use up an invocation's subrequests. */
async function objectsIn(prefix: string, bucket: R2Bucket) {
  const objects = new Map<string, R2Object>()
  let cursor: string | undefined
  do {
    const page = await bucket.list({ prefix, include: ['customMetadata'], ...(cursor && { cursor }) })
    for (const object of page.objects) objects.set(object.key, object)
    cursor = page.truncated ? page.cursor : undefined
  } while (cursor)
  return objects
}

/** One failure keeps no other picture from being copied. */
async function eachOf(copies: Copy[], work: (copy: Copy) => Promise<void>) {
  const failures: { n: number; error: unknown }[] = []
  const turns = copies.values()
  const worker = async () => {
    for (const copy of turns) await work(copy).catch((error: unknown) => failures.push({ n: copy.n, error }))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return failures.toSorted((a, b) => a.n - b.n)
}

/** Throws unless every picture is there; `Dead` when another attempt would find the same. */
function report(failures: { n: number; error: unknown }[], left: number) {
  const said = failures.map(({ n, error }) => `picture ${n}: ${error instanceof Error ? error.message : String(error)}`)
  if (left > 0) said.push(`${left} pictures are left for the next attempt`)
  if (said.length === 0) return
  const message = [...said.slice(0, 5), ...(said.length > 5 ? [`and ${said.length - 5} more`] : [])].join('; ')
  throw left <= 0 && failures.every(({ error }) => error instanceof Dead) ? new Dead(message) : new Error(message)
}

async function sha256(text: string) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toHex()
}
