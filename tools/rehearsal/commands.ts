/** What the rehearsal tells the Worker under rehearsal, and what it hears back. Plain data: it crosses HTTP. */
import type { Store } from '../lib/stores.ts'

/** How a store fails each call. */
export type Failing = {
  way: 'throws' | 'hangs' | 'takes it, then throws' | 'is slow'
  /** How slow it is; without it, within the Worker's deadlines. */
  slowMs?: number
  /** What it throws; without it, the store's own words for an outage. */
  words?: string
  /** Fails every second call instead of each. */
  everySecond?: boolean
  /** Of D1: a pattern. Only a call fails of which a statement, or what is bound to it, matches. */
  only?: string
}

export type Failures = Partial<Record<Store, Failing>>

/** What differs from one phase of a scenario to the next. */
export type Faults = {
  failures: Failures
  /** Copies of the Worker's modules, to which its calls go by turns. Isolates know as little of each other's memory. */
  isolates: number[]
  /** The isolate ends after that many calls of a run of cron, or of those that follow an answer; null: it lives on. */
  callsLeft: number | null
  /** What the Worker is told in place of its own settings; with another VERSION it is another deploy. */
  settings: Record<string, unknown>
  /** Every queue message comes a second time, as if its acknowledgement had been lost. */
  redeliver: boolean
}

export type Commands = Faults & {
  /** The Worker's clock: it began at `origin`, runs 1 / `scale` times as fast as ours, and was put forward by `shift`. */
  clock: { origin: number; scale: number; shift: number }
}

/** Nothing fails, and a version runs that is newer than any other one of a scenario. */
export const ALL_WELL: Faults = {
  failures: {},
  isolates: [0],
  callsLeft: null,
  settings: { VERSION: { id: 'newest', timestamp: '2026-02-01T00:00:00Z' } },
  redeliver: false,
}

/** How many copies of the Worker's modules there are. */
export const ISOLATES = 6

/** Where the harness speaks to it; every other path is the Worker's. */
export const HARNESS = '/rehearsal/'

export type State = {
  /** Rows of D1, and those that some target still misses. */
  rows: number
  unpublished: number
  /** The keys of KV. */
  kvKeys: string[]
  /** Messages that INTAKE has taken and the Worker has not acknowledged. */
  inIntake: number
  inAside: number
  /** Those in ASIDE that D1 refused while it took others. */
  poison: number
  /** The task of each event, by the event's id. */
  events: Record<string, string>
}

/** A row of D1, and what KV has under its key. */
export type Stored = { task_id: string; record: string; kv: string | null }
