/** Prints a line for each event. */
import type { SnapshotEvent } from './event.ts'

/** The bindings and settings that this `handle` needs: none. */
export type Settings = object

export async function handle(event: SnapshotEvent, _settings: Settings) {
  if (event.type === 'com.zegocloud.snapshot.failed') {
    console.log(`snapshot ${event.subject} failed: ${event.data.error.message}`)
  } else if (event.dataref === undefined) {
    console.log(`snapshot ${event.subject}: ${event.data.snapshot_pic_list.length} pictures from ${event.data.vendor}`)
  } else {
    // Too large for a message: `recordOf` in record.ts reads the whole.
    console.log(`snapshot ${event.subject}: ${event.data.pictures} pictures, to be read at ${event.dataref}`)
  }
}
