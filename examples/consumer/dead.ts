/** Thrown by a `handle` that no retry can help: the event goes to the dead letters at once. */
export class Dead extends Error {
  override name = 'Dead'
}
