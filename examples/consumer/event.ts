/** The event and its schemas. Where you copy this folder, put the receiver's own `src/event.ts` in place of this file. */
export * from '../../src/event.ts'
