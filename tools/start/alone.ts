/**
 * One `npm start` a clone: a second one would write the same local stores. Whoever runs listens on a socket that is named
 * after the clone. The socket of one that was killed answers nobody, and the next one takes its place.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** What a run that is there already says of itself (`words`). `undefined` means that this run is the only one now. */
export async function findOther(clone: string, words: string): Promise<string | undefined> {
  const path = socketOf(clone)
  const server = createServer((socket) => socket.end(words)).unref()
  try {
    await once(server.listen(path), 'listening')
    return undefined
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
  }
  const other = await text(connect(path)).catch(() => undefined)
  if (other !== undefined) return other
  rmSync(path, { force: true })
  return findOther(clone, words)
}

/** Each user has one, because nobody may remove that of another. */
function socketOf(clone: string): string {
  const hash = createHash('sha256').update(`${userInfo().username} ${clone}`).digest('hex').slice(0, 12)
  const name = `zego-snapshots-${hash}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name)
}
