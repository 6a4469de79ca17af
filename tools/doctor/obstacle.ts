/** What may answer in the Worker's place: a redirect, a login, a firewall, an error page. */
import { type Finding, type Mending, wrong } from './finding.ts'
import type { Reply } from './reply.ts'

const FIREWALL =
  'Skip it for callbacks: README.md, "Firewall and Access". Security > Events shows what it did. ZEGOCLOUD may be judged otherwise than this machine.'
const WHAT_IS_DEPLOYED = 'Deploy, and take the URL that is printed at the end. `workers_dev` has to be true for it.'

/** Cloudflare's own error pages, by the number on them. */
const PAGES: Record<string, { says: string } & Mending> = {
  1006: { says: 'the address of this machine is blocked', remedy: FIREWALL },
  1007: { says: 'the address of this machine is blocked', remedy: FIREWALL },
  1008: { says: 'the address of this machine is blocked', remedy: FIREWALL },
  1009: { says: 'the country of this machine is blocked', remedy: FIREWALL },
  1010: { says: 'Browser Integrity Check refuses this client', remedy: FIREWALL },
  1012: { says: 'this client is refused', remedy: FIREWALL },
  1015: { says: 'a rate limit is reached', remedy: FIREWALL },
  1020: { says: 'a firewall rule refuses the request', remedy: FIREWALL },
  1027: {
    says: "the free plan's requests of the day are used up",
    remedy: 'They begin anew at 00:00 UTC. Callbacks of today are lost after 62 s: the paid plan has no such limit.',
  },
  1042: {
    says: 'there is no such Worker, or its workers.dev address is turned off',
    remedy: WHAT_IS_DEPLOYED,
    command: 'npx wrangler deploy',
  },
  1101: { says: 'the Worker threw an exception', remedy: 'Its log tells which:', command: 'npx wrangler tail' },
  1102: { says: 'the Worker used more CPU time than it may', remedy: 'Its log:', command: 'npx wrangler tail' },
}

/** What stands in the way; `undefined` where an answer looks like a program's. */
export function obstacle(reply: Reply): Finding | undefined {
  const found = redirect(reply) ?? accessDenied(reply) ?? challenge(reply) ?? errorPage(reply) ?? somePage(reply)
  return found && { ...found, ends: true }
}

function redirect({ status, headers }: Reply): Finding | undefined {
  const location = headers.get('location')
  if (status < 300 || status > 399 || location === null) return undefined
  const lost = 'A 3xx counts as a failure for ZEGOCLOUD.'
  if (isAccess(location)) return access(`${status}: a redirect to the login of Cloudflare Access.`)
  const to = URL.canParse(location) ? new URL(location) : undefined
  if (to?.protocol === 'https:') {
    return wrong(`${status}: a redirect to https://${to.host}. ${lost}`, {
      remedy: `Give ZEGOCLOUD a URL that begins with https://${to.host}, and run this again with it.`,
    })
  }
  // The rest of it may hold the path token.
  return wrong(`${status}: a redirect${to ? ` to ${to.origin}` : ' to another path of the same host'}. ${lost}`, {
    remedy: 'Take away the rule that redirects, or give ZEGOCLOUD the URL that it leads to.',
  })
}

const isAccess = (location: string) => /\.cloudflareaccess\.com(?:[/:?]|$)|\/cdn-cgi\/access\//i.test(location)

function accessDenied({ status, headers, text }: Reply): Finding | undefined {
  const names = [...headers.keys()].some((name) => name.startsWith('cf-access-'))
  const asks = /cloudflare-access/i.test(headers.get('www-authenticate') ?? '')
  if (status < 400 || !(names || asks || (isPage(text) && /cloudflareaccess\.com/i.test(text)))) return undefined
  return access(`${status}: Cloudflare Access refuses.`)
}

const access = (evidence: string) =>
  wrong(`${evidence} ZEGOCLOUD cannot sign in.`, {
    remedy:
      'Add a second self-hosted application with the path zego/callback and a policy Bypass for everyone: README.md, "Firewall and Access".',
  })

function challenge({ status, headers, text }: Reply): Finding | undefined {
  if (headers.get('cf-mitigated') === 'challenge' || (isPage(text) && /<title>\s*Just a moment/i.test(text))) {
    return wrong(`${status}: a page that asks whether a human is there. ZEGOCLOUD cannot answer it.`, {
      remedy: FIREWALL,
    })
  }
}

function errorPage({ status, text }: Reply): Finding | undefined {
  const plain = textOf(text)
  const number = status >= 400 ? /\berror(?: code)?:? *(1\d{3})\b/i.exec(plain)?.[1] : undefined
  const page = number === undefined ? undefined : PAGES[number]
  if (page) {
    const { says, ...mending } = page
    return wrong(`${status}, error ${number}: ${says}.`, mending)
  }
  if (number !== undefined) {
    const remedy = `Cloudflare's documentation says what error ${number} means.`
    return wrong(`${status}: Cloudflare's error ${number} in the Worker's place.`, { remedy })
  }
  if (status >= 400 && /Attention Required!|Sorry, you have been blocked/i.test(plain)) {
    return wrong(`${status}: a firewall's page in the Worker's place.`, { remedy: FIREWALL })
  }
  if (/There is nothing here yet/i.test(plain)) {
    return wrong(`${status}: there is no Worker at this address.`, {
      remedy: WHAT_IS_DEPLOYED,
      command: 'npx wrangler deploy',
    })
  }
}

function somePage({ status, headers, text, json }: Reply): Finding | undefined {
  if (status === 401 && /^(?:basic|digest|negotiate)/i.test(headers.get('www-authenticate') ?? '')) {
    return wrong(`${status}: something before the Worker asks for a password. ZEGOCLOUD has none.`, {
      remedy: 'Let /zego/callback pass without one.',
    })
  }
  if (json['code'] === undefined && (status === 403 || status === 429)) {
    return wrong(`${status}: something before the Worker refuses.`, { remedy: FIREWALL })
  }
  if (!isPage(text)) return undefined
  return wrong(`${status}: a web page in the Worker's place.`, {
    remedy:
      'Another site, a parking page or a proxy answers at this address. `npx wrangler deploy` prints the right one.',
  })
}

const isPage = (text: string) => /^\s*(?:<!doctype html|<html|<head|<body)/i.test(text)

/** A page's words without its tags. */
const textOf = (text: string) =>
  (isPage(text) ? text.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ') : text).replace(
    /\s+/g,
    ' ',
  )
