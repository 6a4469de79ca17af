/** What an address of the gallery or of the quarantine asks for: a filter, and where in the list. */
import type { GalleryFilter, GalleryPage, Start } from '../store/gallery.ts'
import { type QuarantineCursor, REASONS, type Reason } from '../store/quarantine.ts'
import type { Status } from '../store/snapshots.ts'
import { vendorName } from './words.ts'

type Query = Record<string, string>

/** The members that can be used, as they were given. */
export type Sought = { status?: Status; vendor?: string; app?: string; since?: string; until?: string }

export const STATUSES: readonly Status[] = ['pending', 'completed', 'failed']

export function soughtOf({ status, vendor, app, since, until }: Query): Sought {
  const known = STATUSES.find((each) => each === status)
  return {
    ...(known && { status: known }),
    ...(vendor && { vendor }),
    ...(app && { app }),
    ...(isTime(since) && { since }),
    ...(isTime(until) && { until }),
  }
}

/** A date, or an ISO 8601 time; both in UTC unless they say otherwise. */
function isTime(text: string | undefined): text is string {
  return text !== undefined && /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text))
}

export function filterOf({ status, vendor, app, since, until }: Sought): GalleryFilter {
  return { status, vendor, appid: app, since: msOf(since), until: msOf(until) }
}

const msOf = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time))

/** "failed tasks of Huawei Cloud, received since 2026-11-20" */
export function soughtWords({ status, vendor, app, since, until }: Sought): string {
  const of = [...(vendor ? [vendorName(vendor)] : []), ...(app ? [`app ${app}`] : [])]
  const when = [...(since ? [`since ${since}`] : []), ...(until ? [`before ${until}`] : [])]
  return [
    `${status ? `${status} ` : ''}tasks`,
    ...(of.length > 0 ? [` of ${of.join(', ')}`] : []),
    ...(when.length > 0 ? [`, received ${when.join(' and ')} (UTC)`] : []),
  ].join('')
}

/** The gallery's own path, with what is sought and where. */
export const galleryPath = (sought: Sought, where?: Where) => pathOf('/', sought, where)

type Where = Record<string, string>

function pathOf(path: string, sought: Sought | SoughtInQuarantine, where: Where = {}): string {
  const query = new URLSearchParams({ ...sought, ...where })
  return query.size === 0 ? path : `${path}?${query.toString()}`
}

/** `undefined` from the newest task on. */
export function startOf({ above, below }: Query): Start | undefined {
  const [up, down] = [indexOf(above), indexOf(below)]
  if (up !== undefined) return { to: 'newer', place: up }
  return down === undefined ? undefined : { to: 'older', place: down }
}

/** The paths of the pages beside one. Of a page without rows, its own start leads back. */
export function besides(sought: Sought, start: Start | undefined, { rows, next }: GalleryPage) {
  const [newest, oldest] = [rows[0]?.place, rows.at(-1)?.place]
  const isWayUp = start?.to === 'newer'
  const above = isWayUp ? next : start && (newest ?? start.place - 1)
  const below = isWayUp ? (oldest ?? start.place + 1) : next
  return {
    newer: above === undefined ? undefined : galleryPath(sought, { above: String(above) }),
    older: below === undefined ? undefined : galleryPath(sought, { below: String(below) }),
  }
}

/** A whole number of a query. */
export function indexOf(given: string | undefined): number | undefined {
  return given !== undefined && /^\d{1,16}$/.test(given) ? Math.min(Number(given), Number.MAX_SAFE_INTEGER) : undefined
}

export type SoughtInQuarantine = { reason?: Reason; task_id?: string }

export function soughtInQuarantine({ reason, task_id }: Query): SoughtInQuarantine {
  const known = REASONS.find((each) => each === reason)
  const id = task_id?.trim()
  return { ...(known && { reason: known }), ...(id && { task_id: id }) }
}

export const quarantinePath = (sought: SoughtInQuarantine, where?: Where) => pathOf('/quarantine', sought, where)

/** `undefined` from the newest entry on. */
export function cursorOf({ below }: Query): QuarantineCursor | undefined {
  const [, received_at, rowid] = /^(\d{1,15})-(\d{1,15})$/.exec(below ?? '') ?? []
  return received_at === undefined ? undefined : { received_at: Number(received_at), rowid: Number(rowid) }
}
