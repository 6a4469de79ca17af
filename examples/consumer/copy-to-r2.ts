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
import { KINDS, suffixOf } from './picture-kind.ts'
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
/** R2 wants to know a picture's length, so each is held in memory, for a moment twice: a Worker has 128 MB. */
const AT_ONCE = 3
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
  const response = await fetchFrom(hosts, url, signal)
  if (!response.ok) throw new Error(`its host ${await failureOf(response)}; the URL may have expired`)
  const picture = await bytesOf(response)
  const suffix = suffixOf(picture)
  if (!suffix) throw new Dead(`it is no JPEG, PNG or WebP, but ${response.headers.get('content-type')}`)
  const key = `${stem}.${suffix}`
  // The type is ours, not the host's: whoever serves it from here serves a picture.
  await bucket.put(key, picture, { httpMetadata: { contentType: KINDS[suffix].type }, customMetadata: { source } })
  if (there && there.key !== key) await bucket.delete(there.key)
}

async function bytesOf({ body }: Response) {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    length += chunk.byteLength
    if (length > LARGEST_PICTURE_BYTES) throw new Dead(`it has more than ${LARGEST_PICTURE_BYTES} bytes`)
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
