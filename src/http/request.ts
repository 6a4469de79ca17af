/** What is read of a request: its body, a part of its path, its id. */
import type { Context } from 'hono'
import { decodePath } from '../token.ts'

/** The whole body, or `undefined` if it is larger than the limit, whether or not its length was announced. */
export async function readBody(request: Request, limitBytes: number): Promise<Uint8Array | undefined> {
  const announced = request.headers.get('content-length')
  if (Number(announced) > limitBytes) return undefined
  // Read at once it costs the least; only a body of no announced length could go on for ever.
  const body = announced === null ? await readBeyond(limitBytes, request) : new Uint8Array(await request.arrayBuffer())
  return body.length > limitBytes ? undefined : body
}

/** The body, or as much of it as is larger than the limit. */
async function readBeyond(limitBytes: number, request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request.body ?? []) {
    chunks.push(chunk)
    length += chunk.byteLength
    if (length > limitBytes) break
  }
  const body = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.byteLength
  }
  return body
}

/** The n-th part of a URL's path, decoded. Hono decodes less than all of it (`%2F`, `%25`), and an id may hold anything. */
export function partOf(url: string, n: number): string {
  return decodePath(new URL(url).pathname.split('/')[n] ?? '')
}

export function requestId(c: Context): string {
  return c.req.header('cf-ray') ?? crypto.randomUUID()
}
