/** Records that compete for one task, or for one signature, beside each other: what differs is marked. */
import type { Picture, SnapshotRecord } from '../event.ts'
import { answerWords, type ZegoAnswer } from './answer.tsx'
import { Thumbnail } from './pictures.tsx'
import { minutes, plural, statusTitle, vendorName } from './words.ts'

export type Column = {
  title: string
  record: SnapshotRecord
  /** What ZEGOCLOUD has just said of it. */
  answer?: ZegoAnswer | undefined
}

type Row = { name: string; cells: readonly unknown[] }

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
            <tr>
              <th scope="row">ZEGOCLOUD</th>
              {columns.map(({ answer }) => (
                <td>{answer ? answerWords(answer) : 'cannot be asked'}</td>
              ))}
            </tr>
          )}
          {fields.map((row) => (
            <Cells row={row} of={(value) => textOf(value)} />
          ))}
          {shown.map((row) => (
            <Cells row={row} of={(value) => <PictureCell picture={value as Picture | undefined} />} />
          ))}
        </tbody>
      </table>
    </>
  )
}

function Cells({ row, of }: { row: Row; of: (value: unknown) => unknown }) {
  const isMarked = differs(row)
  return (
    <tr>
      <th scope="row">{row.name}</th>
      {row.cells.map((value) => (
        <td>{isMarked ? <mark>{of(value)}</mark> : of(value)}</td>
      ))}
    </tr>
  )
}

function PictureCell({ picture }: { picture: Picture | undefined }) {
  if (picture === undefined) return <>none</>
  const { url, offset, ...more } = picture
  return (
    <>
      <span class="frame">
        <Thumbnail url={url} alt="" />
      </span>
      <code>{url}</code>
      {offset !== undefined && <small>{minutes(offset)}</small>}
      {Object.keys(more).length > 0 && <code>{JSON.stringify(more)}</code>}
    </>
  )
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

function picturesOf(columns: readonly Column[]): Row[] {
  const lists = columns.map(({ record }) => (record.status === 'completed' ? record.snapshot_pic_list : []))
  const length = Math.max(...lists.map((list) => list.length))
  return Array.from({ length }, (_, n) => ({ name: String(n + 1), cells: lists.map((list) => list[n]) }))
}

function differs({ cells: [first, ...others] }: Row): boolean {
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
