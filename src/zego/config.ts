/** Whether ZEGOCLOUD may be asked at all, and about which apps and vendors. */
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
