/** Where local stores keep their files. */
import { accessSync, constants, statfsSync } from 'node:fs'

const IN_MEMORY = '/dev/shm'
/** More than any of our tools writes. Containers often have 64 MB there. */
const WANTED_BYTES = 2e9

/**
 * Local D1, KV and Queues of this process are in memory from here on, where there is room: their commits wait for the
 * disk within the Worker's own thread, and a slow disk would be taken for a slow Worker.
 */
export function keepStoresInMemory(): void {
  try {
    accessSync(IN_MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(IN_MEMORY)
    if (bavail * bsize >= WANTED_BYTES) process.env['TMPDIR'] = IN_MEMORY
  } catch {
    // Elsewhere than on Linux there is no such place.
  }
}
