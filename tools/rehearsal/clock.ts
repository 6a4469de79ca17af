/**
 * The Worker's clock and timers, so that an hour of its time can pass in a moment. Every deadline, delay and grace
 * period of the Worker is scaled alike, and with ZEGOCLOUD's schedule, so what comes before what stays the same.
 */
import type { Orders } from './orders.ts'

const realNow = Date.now.bind(Date)
const realSetTimeout = setTimeout

let clock: Orders['clock'] = { origin: 0, scale: 1, shift: 0 }

export function setClock(to: Orders['clock']) {
  clock = to
}

/** Waits that many milliseconds of the Worker's time. */
export const pause = (ms: number) => new Promise<void>((resolve) => realSetTimeout(resolve, ms * clock.scale))

/** Seconds of the Worker's time as a queue can wait them: whole ones, at least one, so that attempts stay apart. */
export const queueSeconds = (seconds: number) => (seconds === 0 ? 0 : Math.max(1, Math.round(seconds * clock.scale)))

export function scaleTime() {
  Date.now = () => {
    const { origin, scale, shift } = clock
    return Math.floor(origin + (realNow() - origin) / scale + shift)
  }
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, ms = 0) => realSetTimeout(callback, ms * clock.scale),
  })
  Object.assign(scheduler, { wait: pause })
}
