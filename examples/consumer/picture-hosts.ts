/** Fetching pictures from the hosts that are named, and from no others. */
import { Dead } from './dead.ts'
import { USER_AGENT } from './http.ts'

const MOST_REDIRECTS = 3

/** The address to fetch a picture from. */
export function addressOf(url: string, hosts: string, base?: URL) {
  const address = URL.parse(url, base?.href)
  if (!address) throw new Dead('its URL is not absolute')
  if (!/^https?:$/.test(address.protocol) || address.username || address.password) {
    throw new Dead('its URL is not a plain https or http one')
  }
  const named = hosts
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => isNamed(address.host, entry.replace(/^http:\/\//, '')))
  if (named.length === 0) throw new Dead(`its host ${address.host} is not in PICTURE_HOSTS`)
  if (!named.some((entry) => entry.startsWith('http://'))) address.protocol = 'https:'
  return address
}

const isNamed = (host: string, name: string) => (name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name)

/** Redirects lead to hosts that are named, too, or nowhere. */
export async function fetchFrom(hosts: string, url: string, signal: AbortSignal) {
  let address = addressOf(url, hosts)
  for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
    const response = await fetch(address, { headers: { 'user-agent': USER_AGENT }, redirect: 'manual', signal })
    const location = response.headers.get('location')
    if (location === null || response.status < 300 || response.status > 399) return response
    await response.body?.cancel()
    address = addressOf(location, hosts, address)
  }
  throw new Error('its host redirects too often')
}
