/**
 * The parameters of `MediaThumbnails`, checked against ZEGOCLOUD's rules before they are sent.
 * @see https://www.zegocloud.com/docs/real-time-video-server/api-reference/cdn/media-thumbnails
 */
import type { Parameters } from './client.ts'
import { type Vendor, vendorOf } from './vendor.ts'

/** A task that can be started. */
export type Order = { appid: string; vendor: Vendor; parameters: Parameters }

/** Which parameter is wrong, and what it has to be. */
export type Fault = { parameter: string; why: string }

const TYPES = ['SnapshotByTimeOffset', 'SampleSnapshot']
const NAMES = ['AppId', 'Vendor', 'FileId', 'Type', 'Definition', 'ExtTimeOffsetSet', 'Interval']
const FILE_ID_LIMIT_CHARACTERS = 1_024

type Given = Readonly<Record<string, unknown>>

export function orderOf(given: Given, appids: readonly string[]): Order | Fault {
  const unknown = Object.keys(given).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) return fault(unknown, `there is no such parameter; there are ${NAMES.join(', ')}`)
  const vendor = vendorOf(given.Vendor)
  if (vendor === undefined) return fault('Vendor', 'it has to be "Tencent" or "Huawei"')
  const appid = appOf(given.AppId, appids)
  if (appid === undefined) return fault('AppId', appRule(appids))
  const wrong = [fileIdFault, typeFault, definitionFault, offsetsFault, intervalFault]
    .map((check) => check(given, vendor))
    .find((found) => found !== undefined)
  return wrong ?? { appid, vendor, parameters: parametersOf(given, vendor) }
}

/** The app that is meant: the only one need not be named. `undefined` for one whose ServerSecret is not known. */
export function appOf(given: unknown, appids: readonly string[]): string | undefined {
  if (given === undefined) return appids.length === 1 ? appids[0] : undefined
  const named = typeof given === 'number' ? String(given) : given
  return appids.find((appid) => appid === named)
}

export function appRule(appids: readonly string[]): string {
  return appids.length === 1
    ? 'ZEGO_SERVER_SECRET holds no ServerSecret for it'
    : 'it has to name one of the apps in ZEGO_SERVER_SECRET, as a string'
}

function fileIdFault({ FileId }: Given): Fault | undefined {
  if (isText(FileId) && FileId.length <= FILE_ID_LIMIT_CHARACTERS) return undefined
  return fault('FileId', `it has to be a string of 1 to ${FILE_ID_LIMIT_CHARACTERS} characters`)
}

function typeFault({ Type }: Given): Fault | undefined {
  return TYPES.includes(Type as string) ? undefined : fault('Type', `it has to be "${TYPES.join('" or "')}"`)
}

function definitionFault({ Definition }: Given, vendor: Vendor): Fault | undefined {
  if (vendor.api !== 'Tencent') {
    return Definition === undefined ? undefined : fault('Definition', 'only Tencent has templates; leave it out')
  }
  if (isWhole(Definition)) return undefined
  return fault('Definition', 'Tencent needs the id of a screenshot template, a whole number')
}

function offsetsFault({ Type, ExtTimeOffsetSet: offsets }: Given): Fault | undefined {
  if (offsets === undefined && Type !== 'SnapshotByTimeOffset') return undefined
  if (Array.isArray(offsets) && offsets.length > 0 && offsets.every((offset) => isSeconds(offset))) return undefined
  return fault('ExtTimeOffsetSet', 'it has to be a list of time points in seconds, each a number from 0 up')
}

function intervalFault({ Interval }: Given, vendor: Vendor): Fault | undefined {
  if (vendor.api !== 'Huawei') {
    return Interval === undefined ? undefined : fault('Interval', 'only Huawei has it; a Tencent template has its own')
  }
  if (isSeconds(Interval) && Interval > 0) return undefined
  return fault('Interval', 'Huawei needs the seconds between two screenshots, a number above 0')
}

function parametersOf(given: Given, { api }: Vendor): Parameters {
  return Object.entries({ ...given, Vendor: api })
    .filter(([name, value]) => name !== 'AppId' && value !== undefined)
    .flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)] as const))
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

function isWhole(value: unknown): boolean {
  return typeof value === 'number' ? Number.isSafeInteger(value) && value >= 0 : /^\d{1,15}$/.test(String(value))
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e9
}

function fault(parameter: string, why: string): Fault {
  return { parameter, why }
}
