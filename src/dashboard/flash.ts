/** What a page says after something was done: a closed list, for it is named in the URL. */
const NOTES: ReadonlyMap<string, string> = new Map([
  ['sent', 'It is being sent again, to KV and to the queue.'],
  ['unsent', 'There is nothing to send: the task is not known, or has not finished.'],
  ['stored', 'It was taken in, and is stored.'],
  ['duplicate', 'It was taken in: the same is stored already.'],
  ['still', 'It cannot be taken in as things are: it stays here.'],
  ['deleted', 'Deleted.'],
])

export function flashOf(name: string | undefined): string | undefined {
  return name === undefined ? undefined : NOTES.get(name)
}
