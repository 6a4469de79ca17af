/** The matrix: every fault that is rehearsed, and how it goes. */
import { type Store, stores } from '../lib/stores.ts'
import type { Failing, Failures, Faults } from './commands.ts'

/** One part of a fault. `seconds` are ZEGOCLOUD's and the Worker's: both are scaled. */
export type Phase = {
  seconds: number
  /** It begins with a run of cron that does all that cron does. */
  withCron?: boolean
  /** Nobody sends anything new in it. */
  isQuiet?: boolean
  /** At its end an hour passes, with a run of cron each tenth minute. By then KV has all, if it is up and D1 takes it. */
  anHour?: boolean
  /** At its end records are deleted and replaced. */
  isOperated?: boolean
} & Partial<Faults>

export type Scenario = {
  name: string
  /** What happens, for `--list`. */
  about: string
  phases: Phase[]
  /** No cron runs until the fault is over. */
  withoutCron?: boolean
  /** Nothing can take a callback for longer than ZEGOCLOUD tries: what it gives up on is lost. */
  mayLose?: boolean
  /** What ZEGOCLOUD gives up on is refused by mistake: it is there in the end all the same. */
  refuses?: boolean
  /** D1 refuses some for a while: at least so many are poison then. In every other row none is. */
  leastPoison?: number
}

const THROWS: Failing = { way: 'throws' }
const HANGS: Failing = { way: 'hangs' }
const TAKES: Failing = { way: 'takes it, then throws' }
const SLOW: Failing = { way: 'is slow' }

const PHASE_SECONDS = 8

/** `failures` for the usual time. */
const phase = (failures: Failures, seconds = PHASE_SECONDS): Phase => ({ seconds, failures })

const nameOf = (store: Store) => store.toLowerCase()

const alone = (store: Store): Scenario => ({
  name: `${nameOf(store)}-alone`,
  about: `${store} throws, then hangs, then accepts writes and throws, then is slow`,
  phases: [THROWS, HANGS, TAKES, SLOW].map((failing) => phase({ [store]: failing })),
})

/** One recovers before the other: what was put aside or is due again meets the second fault. */
const pair = (one: Store, other: Store): Scenario => ({
  name: `${nameOf(one)}+${nameOf(other)}`,
  about: `${one} and ${other} both throw, both hang, both accept writes and throw; then only the first is down, then only the second`,
  phases: [
    ...[THROWS, HANGS, TAKES].map((failing) => phase({ [one]: failing, [other]: failing })),
    phase({ [other]: THROWS }),
    phase({ [one]: THROWS }),
  ],
})

const pairs = stores.flatMap((one, index) => stores.slice(index + 1).map((other) => pair(one, other)))

const allThree = (failing: Failing): Failures => ({ D1: failing, INTAKE: failing, ASIDE: failing })
const saying = (words: string, everySecond = false): Failing => ({ way: 'throws', words, everySecond })

const UNAUTHORIZED = saying('KV PUT failed: 401 Unauthorized')
const WRONG_SECRET = { ZEGO_CALLBACK_SECRET: 'wrong', VERSION: { id: 'wrong', timestamp: '2026-01-01T00:00:00Z' } }

const OVERLOADED = 'D1_ERROR: D1 DB is overloaded. Requests queued for too long.'
const FULL: Failing = { ...saying('D1_ERROR: Exceeded maximum DB size'), only: 'INSERT|UPDATE' }
const REFUSED = saying('D1_ERROR: constraint failed: SQLITE_CONSTRAINT')
const REFUSES_TENCENT: Failing = { ...REFUSED, only: '"vendor":"tencent"' }
/** Three of four of the ids that Tencent Cloud gives begin so. */
const REFUSES_FEWER: Failing = { ...REFUSED, only: '"task_id":"1500030200-' }
const QUEUE_OVERLOADED = 'Queue send failed: Too Many Requests'
const KV_TOO_MANY = 'KV PUT failed: 429 Too Many Requests'
const KV_DAY = 'KV put() limit exceeded for the day.'

/** An isolate that ends before, between and after the writes that follow its answer. */
const killed = [0, 1, 2].map((callsLeft) => ({ seconds: 6, callsLeft, isolates: [callsLeft + 1] }))

/** Runs of cron that end at one call after another: while it asks what is due, and between the calls of a drain. */
const cutShort = Array.from({ length: 14 }, (_, index) => ({ seconds: 3, withCron: true, callsLeft: index + 2 }))

export const scenarios: Scenario[] = [
  { name: 'none', about: 'all is well', phases: [phase({}, 3 * PHASE_SECONDS)] },
  ...stores.map(alone),
  ...pairs,
  {
    name: 'all-three-45s',
    about: 'D1, INTAKE and ASIDE throw, then hang, for less than the 62 s that ZEGOCLOUD tries',
    phases: [phase(allThree(THROWS), 20), phase(allThree(HANGS), 25)],
  },
  {
    name: 'all-three-120s',
    about: 'D1, INTAKE and ASIDE throw for longer than the 62 s: the one fault that may lose',
    phases: [phase(allThree(THROWS), 120)],
    mayLose: true,
  },
  { name: 'd1-hang-80s', about: 'D1 does not answer for 80 s', phases: [phase({ D1: HANGS }, 80)] },
  {
    name: 'd1-full',
    about: 'D1 has no space left: it takes no write, while INTAKE and then ASIDE take callbacks, and cron drains them',
    phases: [
      phase({ D1: FULL }, 2 * PHASE_SECONDS),
      phase({ D1: FULL, INTAKE: THROWS }),
      { seconds: 40, isQuiet: true, withCron: true, failures: { D1: FULL } },
    ],
  },
  {
    name: 'd1-refuses-some',
    about:
      "ASIDE has callbacks of which D1 refuses Tencent Cloud's for an hour, and some of these for another; others wait behind them",
    phases: [
      phase({ D1: THROWS, INTAKE: THROWS }),
      { seconds: 0, isQuiet: true, failures: { D1: REFUSES_TENCENT }, anHour: true },
      { seconds: 0, isQuiet: true, failures: { D1: REFUSES_FEWER }, anHour: true },
    ],
    leastPoison: 6,
  },
  {
    name: 'kv-refuses',
    about: 'KV accepts every second write, then refuses each as unauthorized, for an hour',
    phases: [
      phase({ RESULTS: saying(KV_TOO_MANY, true) }, 2 * PHASE_SECONDS),
      { ...phase({ RESULTS: UNAUTHORIZED }), anHour: true },
    ],
  },
  {
    name: 'kv-daily-limit',
    about: 'the free plan has no KV writes left, and D1 fails as well',
    phases: [
      phase({ RESULTS: saying(KV_DAY), ASIDE: saying(KV_DAY) }, 2 * PHASE_SECONDS),
      phase({ RESULTS: saying(KV_DAY), ASIDE: saying(KV_DAY), D1: THROWS }),
    ],
  },
  {
    name: 'overload',
    about: 'D1 is overloaded, then accepts every second call; the queues accept every second message',
    phases: [
      phase({ D1: saying(OVERLOADED), INTAKE: saying(QUEUE_OVERLOADED, true) }, 2 * PHASE_SECONDS),
      phase({ D1: saying(OVERLOADED, true), INTAKE: saying(QUEUE_OVERLOADED, true) }),
      phase({ INTAKE: saying(QUEUE_OVERLOADED), EVENTS: saying(QUEUE_OVERLOADED, true) }),
    ],
  },
  {
    name: 'killed-after-answer',
    about:
      'each isolate ends within its waitUntil, and the next one knows nothing about it; then also while ASIDE is used',
    phases: [...killed, { ...phase({ D1: THROWS, INTAKE: THROWS }), isolates: [4] }, { seconds: 2, isolates: [5] }],
  },
  {
    name: 'killed-in-cron',
    about:
      'no cron runs while EVENTS fails, then D1 and INTAKE; then each run ends at a different call, while it publishes and drains',
    phases: [phase({ EVENTS: THROWS }), phase({ D1: THROWS, INTAKE: THROWS }), phase({}, 56), ...cutShort],
    withoutCron: true,
  },
  {
    name: 'redelivery',
    about: 'every queue message is delivered twice, while D1 fails now and then',
    phases: [
      { ...phase({ D1: THROWS }, 12), redeliver: true },
      { ...phase({ D1: TAKES }, 12), redeliver: true },
      { ...phase({ EVENTS: TAKES }), redeliver: true },
    ],
  },
  {
    name: 'wrong-secret',
    about: 'the secret is wrong, first while D1 is down, until ZEGOCLOUD has given up on each; then it is put right',
    phases: [
      { seconds: 30, failures: { D1: THROWS }, settings: WRONG_SECRET },
      { seconds: 64, isQuiet: true, settings: WRONG_SECRET },
    ],
    refuses: true,
  },
  {
    name: 'two-isolates',
    about:
      'KV writes late, in two isolates by turns; meanwhile a third of the records are deleted, and a third replaced',
    phases: [
      // Longer than the Worker waits for KV: what is put then lands over what has taken its place.
      { ...phase({ RESULTS: { ...SLOW, slowMs: 12_000, everySecond: true } }), isolates: [0, 1], isOperated: true },
      { ...phase({ RESULTS: { ...THROWS, everySecond: true } }), isolates: [0, 1] },
    ],
  },
  {
    name: 'cron-held-up',
    about: 'KV throws, then EVENTS too; then KV is back, while EVENTS still throws and ASIDE does not answer',
    phases: [
      phase({ RESULTS: THROWS }),
      phase({ RESULTS: THROWS, EVENTS: THROWS }),
      { seconds: 0, failures: { EVENTS: THROWS, ASIDE: HANGS }, anHour: true },
    ],
  },
]
