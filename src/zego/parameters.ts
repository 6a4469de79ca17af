/**
 * What starts or registers a task, as schemas: checked against ZEGOCLOUD's rules before it is sent, and documented by
 * them. An error is the rule that is broken: it follows the parameter's name.
 * @see https://www.zegocloud.com/docs/real-time-video-server/api-reference/cdn/media-thumbnails
 */
import * as z from 'zod/mini'
import { isWithin } from '../callback/bytes.ts'
import { isFault, type SettingFault, type Settings } from '../settings.ts'

/** ServerSecrets by appid, and where ZEGOCLOUD's server API is. */
export type ZegoConfig = { secrets: ReadonlyMap<string, string>; url: string }

export function zegoConfig({ serverSecrets, apiUrl }: Settings): ZegoConfig | SettingFault {
  if (isFault(serverSecrets)) return serverSecrets
  return isFault(apiUrl) ? apiUrl : { secrets: serverSecrets, url: apiUrl }
}

/** A CDN vendor has two names: the callback's, which records have, and the server API's. */
export type Vendor = { record: 'tencent' | 'hw'; api: 'Tencent' | 'Huawei' }

const VENDORS: Readonly<Record<string, Vendor>> = {
  tencent: { record: 'tencent', api: 'Tencent' },
  hw: { record: 'hw', api: 'Huawei' },
  huawei: { record: 'hw', api: 'Huawei' },
}

/** The vendor of either name, in any case; `undefined` for what ZEGOCLOUD does not document. */
export function vendorOf(name: unknown): Vendor | undefined {
  const key = typeof name === 'string' ? name.toLowerCase() : ''
  return Object.hasOwn(VENDORS, key) ? VENDORS[key] : undefined
}

/** A name with several values is repeated in the query. */
export type Parameters = readonly (readonly [name: string, value: string])[]

/** A record holds no more of it: the callback of a longer one could not be stored. */
const FILE_ID_LIMIT_BYTES = 512

const seconds = (error: string) => z.number(error).check(z.minimum(0, error), z.lt(1e9, error))

/** Without an app's name, the only one is meant. */
const AppId = () => z.optional(z.string('must be a string of digits'))

function fileId() {
  const error = `must be a string of 1 to ${FILE_ID_LIMIT_BYTES} bytes of UTF-8`
  const fits = z.refine<string>((text) => isWithin(FILE_ID_LIMIT_BYTES, text), error)
  return z.string(error).check(z.regex(/\S/, error), z.maxLength(FILE_ID_LIMIT_BYTES, error), fits)
}

function offsets() {
  const error = 'must be a list of time points in seconds, each a number from 0 up'
  return z.optional(z.array(seconds(error), error).check(z.minLength(1, error)))
}

function definition() {
  const error = 'must be the id of a Tencent screenshot template, a whole number'
  return z.union([z.int().check(z.minimum(0)), z.string().check(z.regex(/^\d{1,15}$/))], error)
}

function interval() {
  const error = 'must be the seconds between two screenshots of Huawei, a number above 0'
  return seconds(error).check(z.gt(0, error))
}

/** Refuses other fields, and says which it takes. */
function fieldsOf<Shape extends z.core.$ZodShape>(shape: Shape) {
  return z.strictObject(shape, `the request takes ${Object.keys(shape).join(', ')}`)
}

function makeStart() {
  const Type = z.enum(
    ['SnapshotByTimeOffset', 'SampleSnapshot'],
    'must be "SnapshotByTimeOffset", which needs ExtTimeOffsetSet, or "SampleSnapshot"',
  )
  const common = { AppId: AppId(), FileId: fileId(), Type, ExtTimeOffsetSet: offsets() }
  const vendors = [
    fieldsOf({ Vendor: z.literal('Tencent'), ...common, Definition: definition() }),
    fieldsOf({ Vendor: z.literal('Huawei'), ...common, Interval: interval() }),
  ] as const
  return z.discriminatedUnion('Vendor', vendors, 'must be "Tencent" or "Huawei"').check(
    z.refine(({ Type: type, ExtTimeOffsetSet: points }) => type === 'SampleSnapshot' || points !== undefined, {
      path: ['ExtTimeOffsetSet'],
      error: 'must be a list of time points in seconds for SnapshotByTimeOffset',
    }),
  )
}

function makeRegistration() {
  return fieldsOf({ vendor: z.enum(['tencent', 'hw'], 'must be "tencent" or "hw"'), appid: AppId() })
}

const made: { start?: ReturnType<typeof makeStart>; registration?: ReturnType<typeof makeRegistration> } = {}

/** Made when they are first asked for: an isolate that only takes callbacks starts without them. */
export const startBody = () => (made.start ??= makeStart())
export const registrationBody = () => (made.registration ??= makeRegistration())

type Given = Readonly<Record<string, unknown>>

/** A vendor has two names, in any case, and an app's id is also taken as a number. */
export function normalizeStart({ Vendor, AppId: app, ...given }: Given): Given {
  return { Vendor: vendorOf(Vendor)?.api ?? Vendor, ...given, ...(app !== undefined && { AppId: textOf(app) }) }
}

export function normalizeRegistration({ vendor, appid, ...given }: Given): Given {
  return { vendor: vendorOf(vendor)?.record ?? vendor, ...given, ...(appid !== undefined && { appid: textOf(appid) }) }
}

function textOf(app: unknown): unknown {
  return typeof app === 'number' ? String(app) : app
}

/** The app that is meant; `undefined` for one whose ServerSecret is not known. */
export function appOf(named: string | undefined, appids: readonly string[]): string | undefined {
  if (named === undefined && appids.length === 1) return appids[0]
  return appids.find((appid) => appid === named)
}

export function appRule(appids: readonly string[]): string {
  return appids.length === 1
    ? 'must be the app whose ServerSecret ZEGO_SERVER_SECRET holds'
    : 'must be one of the apps in ZEGO_SERVER_SECRET, as a string'
}

export type StartBody = z.output<ReturnType<typeof makeStart>>

/** As ZEGOCLOUD takes them: a list is a parameter for each of its items. */
export function parametersOf({ AppId: _app, ...given }: StartBody): Parameters {
  return Object.entries(given).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)] as const),
  )
}

/** The codes that ZEGOCLOUD documents for its server API, and what to do about each. */
export const OK = 0
export const TOO_FREQUENT = 6

/** About the task that was asked for, not about the app: ZEGOCLOUD cannot tell of such a task. */
const ABOUT_THE_TASK: ReadonlySet<number> = new Set([2, 4, 1000, 41003])

const ADVICE: ReadonlyMap<number, string> = new Map([
  [2, 'A parameter is wrong: check FileId, Definition and the time points against ZEGOCLOUD’s page of the action.'],
  [3, 'The app may not do this: ask ZEGOCLOUD’s Technical Support to activate on-demand screenshots for it.'],
  [4, 'The file, or the task, is with the other CDN: check Vendor.'],
  [
    5,
    'The app is not set up for this: ask ZEGOCLOUD’s Technical Support to check its CDN and screenshot configuration.',
  ],
  [TOO_FREQUENT, 'The app called too often: try again later. Check what else calls ZEGOCLOUD’s server API for it.'],
  [7, 'ZEGOCLOUD does not accept this secret for this app: check appid and ServerSecret in ZEGO_SERVER_SECRET.'],
  [1000, 'ZEGOCLOUD failed, or the FileId does not exist. Check the FileId, then try again.'],
  [41003, 'The file does not exist: check the FileId, and that its vendor still keeps the file.'],
  [100000004, 'The signature has expired: the clocks differ by more than 10 minutes.'],
  [
    100000005,
    'The signature is wrong: ZEGO_SERVER_SECRET must hold the ServerSecret of this app, not its CallbackSecret.',
  ],
])

export function adviceOn(code: number): string {
  return ADVICE.get(code) ?? 'ZEGOCLOUD does not document this code: read its message, or ask its Technical Support.'
}

export function isAboutTheTask(code: number): boolean {
  return ABOUT_THE_TASK.has(code)
}
