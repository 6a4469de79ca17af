/** ZEGOCLOUD's signature on calls to its server API, version 2.0: not the one on its callbacks. */
import { bytesOf } from '../callback/bytes.ts'

/** MD5, in lower-case hex, of AppId, SignatureNonce, ServerSecret and Timestamp, joined. @param timestamp in seconds */
export async function signCall(appid: string, nonce: string, secret: string, timestamp: string): Promise<string> {
  const joined = bytesOf(appid + nonce + secret + timestamp)
  return new Uint8Array(await crypto.subtle.digest('MD5', joined)).toHex()
}

/** 16 hex characters. */
export function freshNonce(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex()
}
