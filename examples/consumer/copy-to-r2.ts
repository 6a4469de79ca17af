/**
 * Copies the pictures of each finished task to R2, as `<task_id>/<n>.jpg`, `.png` or `.webp`; n is the index in the list.
 *
 * ZEGOCLOUD's URLs are the vendor's and expire: a picture that was not copied in time is lost. And ZEGOCLOUD does not sign
 * them: only hosts that you name are fetched from.
 */
import { Dead } from './dead.ts'
import type { SnapshotEvent } from './event.ts'
import { failureOf } from './http.ts'
import { fetchFrom } from './picture-hosts.ts'
import { HEAD_BYTES, KINDS, suffixOf } from './picture-kind.ts'
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
type Copy = { n: number; url: string; stem: string; source: string; there: R2Object | undefined }

const LARGEST_PICTURE_BYTES = 10 * 1024 * 1024
/** Of a picture that does not announce its length: R2 wants to know it, so the picture is held in memory. */
const LARGEST_BUFFERED_BYTES = 2 * 1024 * 1024
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
  const all = snapshot_pic_list.map(async ({ url }, n): Promise<Copy> => {
    const stem = `${folder}/${n}`
    return { n, url, stem, source: await sha256(url), there: copied.get(stem) }
  })
  // Without a URL the picture failed at the vendor: there is nothing to copy.
  const copies = (await Promise.all(all)).filter(({ url }) => url !== '')
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

async function copyPicture({ url, stem, source, there }: Copy, bucket: R2Bucket, hosts: string, event: AbortSignal) {
  const signal = AbortSignal.any([event, AbortSignal.timeout(PICTURE_TIMEOUT_MS)])
  const known = there?.customMetadata?.['etag']
  const response = await fetchFrom(hosts, url, known ? { 'if-none-match': known } : {}, signal)
  try {
    if (response.status === 304) return
    if (!response.ok) throw new Error(`its host ${await failureOf(response, url)}; the URL may have expired`)
    const etag = response.headers.get('etag')
    const length = lengthOf(response)
    if (there && etag && etag === known && length === there.size) return
    const { head, body, flow } = await opened(response, length)
    const suffix = suffixOf(head)
    if (!suffix) throw new Dead(`it is no JPEG, PNG or WebP, but ${response.headers.get('content-type')}`)
    const key = `${stem}.${suffix}`
    // The type is ours, not the host's: whoever serves it from here serves a picture.
    const httpMetadata = { contentType: KINDS[suffix].type }
    await Promise.all([
      bucket.put(key, body, { httpMetadata, customMetadata: { source, ...(etag && { etag }) } }),
      flow(),
    ])
    if (there && there.key !== key) await bucket.delete(there.key)
  } finally {
    if (response.body?.locked === false) await response.body.cancel()
  }
}

/** Null when it is not announced. */
function lengthOf({ headers }: Response) {
  const length = headers.get('content-length')
  return length === null || headers.has('content-encoding') ? null : Number(length)
}

/** The first bytes, and all of them as R2 takes them: bytes, or a stream of known length, which `flow` fills. */
async function opened({ body }: Response, length: number | null) {
  if (length !== null && length > LARGEST_PICTURE_BYTES) throw new Dead(`it has ${length} bytes`)
  if (!body || length === 0) throw new Error('it is empty')
  if (length === null) {
    const bytes = await bytesOf(body)
    return { head: bytes, body: bytes, flow: async () => {} }
  }
  const reader = body.getReader({ mode: 'byob' })
  const { value: head = new Uint8Array() } = await reader.readAtLeast(HEAD_BYTES, new Uint8Array(HEAD_BYTES))
  reader.releaseLock()
  const { readable, writable } = new FixedLengthStream(length)
  async function flow() {
    const writer = writable.getWriter()
    await writer.write(head)
    writer.releaseLock()
    await body?.pipeTo(writable)
  }
  return { head, body: readable, flow }
}

async function bytesOf(body: ReadableStream<Uint8Array>) {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.byteLength
    if (length > LARGEST_BUFFERED_BYTES) throw new Dead(`it has more than ${LARGEST_BUFFERED_BYTES} bytes`)
    chunks.push(chunk)
  }
  if (length === 0) throw new Error('it is empty')
  return new Blob(chunks).bytes()
}

/** One listing for a thousand pictures, by key without suffix: asking for each would use up an invocation's subrequests. */
async function objectsIn(prefix: string, bucket: R2Bucket) {
  const objects = new Map<string, R2Object>()
  let cursor: string | undefined
  do {
    const page = await bucket.list({ prefix, include: ['customMetadata'], ...(cursor && { cursor }) })
    for (const object of page.objects) objects.set(object.key.replace(/\.\w+$/, ''), object)
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
