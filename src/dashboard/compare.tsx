/** Records that compete for one task, or for one signature, beside each other, and ZEGOCLOUD's answer about them. */
import type { Child } from 'hono/jsx'
import type { Picture, SnapshotRecord } from '../event.ts'
import { type Env, isFault, readSettings, type Settings } from '../settings.ts'
import { type ApiFailure, callerFor, isFailure } from '../zego/client.ts'
import { vendorOf, zegoConfig } from '../zego/parameters.ts'
import { type Confirmation, confirm } from '../zego/confirm.ts'
import { Moment, Note, Text } from './layout.tsx'
import { Thumbnail } from './pictures.tsx'
import { plural, statusTitle, vendorName } from './format.ts'

export type Column = { title: string; record: SnapshotRecord }

type Row<Cell = unknown> = { name: string; cells: readonly Cell[] }

/** Of the pictures, those that differ are shown. */
const MOST_COMPARED = 60

export function Comparison({ columns }: { columns: readonly Column[] }) {
  const fields = fieldsOf(columns)
  const pictures = picturesOf(columns)
  const differing = pictures.filter(differs)
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
          <Line name="Received" cells={columns.map(({ record }) => timeOf(record))} />
          {fields.map(({ name, cells }) => (
            <Line name={name} cells={cells.map((value) => marked(textOf(value), differ(cells)))} />
          ))}
          {differing.slice(0, MOST_COMPARED).map(({ name, cells }) => (
            <Line
              name={name}
              cells={cells.map((picture) => (
                <PictureCell picture={picture} isDifferent={differ(cells)} />
              ))}
            />
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

function marked(words: Child, isDifferent: boolean): Child {
  return isDifferent ? <mark>{words}</mark> : words
}

function PictureCell({ picture, isDifferent }: { picture: Picture | undefined; isDifferent: boolean }) {
  if (picture === undefined) return <>{marked('none', isDifferent)}</>
  const { url, ...rest } = picture
  return (
    <>
      <span class="frame">
        <Thumbnail url={url} alt="" />
      </span>
      <code>{marked(url, isDifferent)}</code>
      {Object.keys(rest).length > 0 && <code>{marked(JSON.stringify(rest), isDifferent)}</code>}
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

export type ZegoAnswer = Confirmation | ApiFailure

/** Whether ZEGOCLOUD can be asked about a task of that app and vendor. */
export function canBeAsked({ serverSecrets }: Settings, { appid, vendor }: { appid: string; vendor: string }): boolean {
  return !isFault(serverSecrets) && serverSecrets.has(appid) && vendorOf(vendor) !== undefined
}

/** `undefined` where ZEGOCLOUD cannot be asked. Throws when D1 does not answer. */
export async function askZego(env: Env, record: SnapshotRecord): Promise<ZegoAnswer | undefined> {
  const config = zegoConfig(readSettings(env))
  const caller = isFault(config) ? undefined : callerFor(config, record.appid, env.DB)
  const vendor = vendorOf(record.vendor)
  return caller && vendor && confirm(caller, record, vendor)
}

export function Answer({ answer }: { answer: ZegoAnswer }) {
  const others = !isFailure(answer) && answer.confirmed === false ? answer.zegocloud : []
  return (
    <>
      <Note>{answerWords(answer)}</Note>
      {others.length > 0 && <Text text={others.join('\n')} />}
    </>
  )
}

function answerWords(answer: ZegoAnswer): string {
  if (isFailure(answer)) return failureWords(answer)
  if (answer.confirmed === null) {
    if (answer.reason === 'unknown') return 'ZEGOCLOUD does not know this task, or no longer: it cannot tell.'
    return 'ZEGOCLOUD has not finished this task: there is nothing to compare yet.'
  }
  if (answer.confirmed) return 'ZEGOCLOUD confirms it.'
  const { length } = answer.zegocloud
  if (length === 0) return 'ZEGOCLOUD does not confirm it: it names no picture of this task.'
  return `ZEGOCLOUD does not confirm it: it names ${plural(length, 'other picture')}.`
}

function failureWords(failure: ApiFailure): string {
  switch (failure.code) {
    case 'zego_error':
      return `ZEGOCLOUD answered ${failure.zegoCode}: ${failure.message}. ${failure.advice}`
    case 'too_frequent':
      return `ZEGOCLOUD is asked too often for this app. Ask again in ${failure.retryAfterSeconds} s.`
    case 'zego_unknown':
      return `ZEGOCLOUD was asked, and ${failure.why}. Ask again.`
  }
}
