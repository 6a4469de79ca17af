/** Whether ZEGOCLOUD may be asked at all, and about which apps and vendors. */
import type { CompletedRecord } from '../event.ts'
import { isFault, type SettingFault, type Settings } from '../settings.ts'
import { vendorOf } from './vendor.ts'

/** ServerSecrets by appid, and where ZEGOCLOUD's server API is. */
export type ZegoConfig = { secrets: ReadonlyMap<string, string>; url: string }

export function zegoConfig({ serverSecrets, apiUrl }: Settings): ZegoConfig | SettingFault {
  if (isFault(serverSecrets)) return serverSecrets
  return isFault(apiUrl) ? apiUrl : { secrets: serverSecrets, url: apiUrl }
}

/** A dispute about anything else would never be decided. */
export function canAskOf(settings: Settings): (record: Pick<CompletedRecord, 'appid' | 'vendor'>) => boolean {
  const config = zegoConfig(settings)
  return ({ appid, vendor }) => !isFault(config) && config.secrets.has(appid) && vendorOf(vendor)?.record === vendor
}
