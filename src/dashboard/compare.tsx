/** Records that compete for one task, or for one signature, beside each other: what differs is marked. */
import type { Child } from 'hono/jsx'
import type { Picture, SnapshotRecord } from '../event.ts'
import { answerWords, type ZegoAnswer } from './confirmation.tsx'
import { Moment } from './parts.tsx'
import { Thumbnail } from './pictures.tsx'
import { minutes, plural, statusTitle, vendorName } from './words.ts'

export type Column = {
  title: string
  record: SnapshotRecord
  /** What ZEGOCLOUD has just said of it. */
  answer?: ZegoAnswer | undefined
}

type Row<Cell = unknown> = { name: string; cells: readonly Cell[] }

/** Of more pictures, only those that differ. */
const MOST_COMPARED = 60

export function Comparison({ columns }: { columns: readonly Column[] }) {
  const fields = fieldsOf(columns)
  const pictures = picturesOf(columns)
  const differing = pictures.filter(differs)
  const shown = (pictures.length > MOST_COMPARED ? differing : pictures).slice(0, MOST_COMPARED)
  return (
    <>
      {columns.length > 1 && <p>{summaryOf(fields.filter(differs), differing.length)}</p>}
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
          {columns.some(({ answer }) => answer) && (
            <Line
              name="ZEGOCLOUD"
              cells={columns.map(({ answer }) => (answer ? answerWords(answer) : 'cannot be asked'))}
            />
          )}
          <Line name="Received" cells={columns.map(({ record }) => timeOf(record))} />
          {fields.map(({ name, cells }) => (
            <Line name={name} cells={cells.map((value) => marked(textOf(value), cells, textOf))} />
          ))}
          {shown.map(({ name, cells }) => (
            <Line name={name} cells={cells.map((picture) => pictureCell(picture, cells))} />
          ))}
        </tbody>
      </table>
    </>
  )
}

/** Two that compete never came at the same moment: it is shown, and not marked. */
function timeOf(record: SnapshotRecord): Child {
  return <Moment at={Date.parse(record.status === 'pending' ? record.registered_at : record.received_at)} />
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

/** @param of what `words` say of each cell */
function marked<Cell>(words: Child, cells: readonly Cell[], of: (cell: Cell) => unknown): Child {
  return differ(cells.map(of)) ? <mark>{words}</mark> : words
}

/** Of a picture, what differs is marked, and no more: its URL, its offset, or the rest. */
function pictureCell(picture: Picture | undefined, all: readonly (Picture | undefined)[]): Child {
  if (picture === undefined) return <mark>none</mark>
  const { url, offset } = picture
  const rest = restOf(picture)
  return (
    <>
      <span class="frame">
        <Thumbnail url={url} alt="" />
      </span>
      <code>{marked(url, all, (each) => each?.url)}</code>
      {offset !== undefined && <small>{marked(minutes(offset), all, (each) => each?.offset)}</small>}
      {rest !== '{}' && <code>{marked(rest, all, restOf)}</code>}
    </>
  )
}

function restOf(picture: Picture | undefined): string {
  const { url: _url, offset: _offset, ...rest } = picture ?? {}
  return JSON.stringify(rest)
}

/** What they say of the task, name by name. */
function fieldsOf(columns: readonly Column[]): Row[] {
  const all = columns.map(({ record }) => {
    const { status, appid, vendor } = record
    const { field_id, extra } = record.status === 'completed' ? record : {}
    const pictures = record.status === 'completed' ? plural(record.snapshot_pic_list.length, 'picture') : undefined
    const own = { Task: record.task_id, App: appid, Vendor: vendorName(vendor), 'Source file': field_id }
    return { ...own, Status: statusTitle(status), Pictures: pictures, ...extra }
  })
  const names = new Set(all.flatMap((fields) => Object.keys(fields)))
  return [...names].map((name) => ({ name, cells: all.map((fields) => (fields as Record<string, unknown>)[name]) }))
}

function picturesOf(columns: readonly Column[]): Row<Picture | undefined>[] {
  const lists = columns.map(({ record }) => (record.status === 'completed' ? record.snapshot_pic_list : []))
  const length = Math.max(...lists.map((list) => list.length))
  return Array.from({ length }, (_, n) => ({ name: String(n + 1), cells: lists.map((list) => list[n]) }))
}

const differs = ({ cells }: Row) => differ(cells)

function differ([first, ...others]: readonly unknown[]): boolean {
  return others.some((other) => JSON.stringify(other) !== JSON.stringify(first))
}

function textOf(value: unknown): string {
  if (value === undefined) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function summaryOf(fields: readonly Row[], pictures: number): string {
  const names = fields.map(({ name }) => name).filter((name) => name !== 'Pictures')
  const all = [...names, ...(pictures > 0 ? [plural(pictures, 'picture')] : [])]
  return all.length === 0 ? 'They differ in nothing that is shown here.' : `They differ in: ${all.join(', ')}.`
}
