/** Whether ZEGOCLOUD may be asked at all, and for which apps. */
import { type Env, isFault, readSettings, type SettingFault } from '../settings.ts'

/** ServerSecrets by appid, and where ZEGOCLOUD's server API is. */
export type ZegoConfig = { secrets: ReadonlyMap<string, string>; url: string }

export function zegoConfig(env: Env): ZegoConfig | SettingFault {
  const { serverSecrets, apiUrl } = readSettings(env)
  if (isFault(serverSecrets)) return serverSecrets
  return isFault(apiUrl) ? apiUrl : { secrets: serverSecrets, url: apiUrl }
}
