/** Records that compete for one task, or for one signature, beside each other: what differs is marked. */
import type { Child } from 'hono/jsx'
import type { Picture, SnapshotRecord } from '../event.ts'
import { Moment } from './layout.tsx'
import { Thumbnail } from './pictures.tsx'
import { capitalized, plural, vendorName } from './format.ts'

export type Column = { title: string; record: SnapshotRecord }

type Row<Cell = unknown> = { name: string; cells: readonly Cell[] }

/** Of the pictures, those that differ are shown. */
const MOST_COMPARED = 60

export function Comparison({ columns }: { columns: readonly Column[] }) {
  const differing = picturesOf(columns).filter(({ cells }) => differ(cells))
  return (
    <table class="compare">
      <thead>
        <tr>
          <td></td>
          {columns.map(({ title }) => (
            <th scope="col">{title}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        <Line name="Received" cells={columns.map(({ record }) => timeOf(record))} />
        {fieldsOf(columns).map(({ name, cells }) => (
          <Line name={name} cells={cells.map((value) => (differ(cells) ? <Marked value={value} /> : textOf(value)))} />
        ))}
        {differing.slice(0, MOST_COMPARED).map(({ name, cells }) => (
          <Line
            name={name}
            cells={cells.map((picture) => [picture && <Small of={picture} />, <Marked value={picture} />])}
          />
        ))}
      </tbody>
    </table>
  )
}

function Line({ name, cells }: { name: string; cells: readonly Child[] }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      {cells.map((cell) => (
        <td>{cell}</td>
      ))}
    </tr>
  )
}

const Marked = ({ value }: { value: unknown }) => <mark>{textOf(value)}</mark>

const Small = ({ of: { url } }: { of: Picture }) => (
  <span class="frame">
    <Thumbnail url={url} alt="" />
  </span>
)

/** Two that compete never came at the same moment: it is shown, and not marked. */
function timeOf(record: SnapshotRecord): Child {
  return <Moment at={Date.parse(record.status === 'pending' ? record.registered_at : record.received_at)} />
}

/** What they say of the task, name by name. */
function fieldsOf(columns: readonly Column[]): Row[] {
  const all = columns.map(({ record }) => {
    const { status, appid, vendor } = record
    const { field_id, extra } = record.status === 'completed' ? record : {}
    const pictures = record.status === 'completed' ? plural(record.snapshot_pic_list.length, 'picture') : undefined
    const own = { Task: record.task_id, App: appid, Vendor: vendorName(vendor), 'Source file': field_id }
    return { ...own, Status: capitalized(status), Pictures: pictures, ...extra }
  })
  const names = new Set(all.flatMap((fields) => Object.keys(fields)))
  return [...names].map((name) => ({ name, cells: all.map((fields) => (fields as Record<string, unknown>)[name]) }))
}

function picturesOf(columns: readonly Column[]): Row<Picture | undefined>[] {
  const lists = columns.map(({ record }) => (record.status === 'completed' ? record.snapshot_pic_list : []))
  const length = Math.max(...lists.map((list) => list.length))
  return Array.from({ length }, (_, n) => ({ name: String(n + 1), cells: lists.map((list) => list[n]) }))
}

function differ([first, ...others]: readonly unknown[]): boolean {
  return others.some((other) => JSON.stringify(other) !== JSON.stringify(first))
}

function textOf(value: unknown): string {
  if (value === undefined) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
