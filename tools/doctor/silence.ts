/** Why nothing answered, in words, and what mends it. */
import { type Finding, seconds, wrong } from './finding.ts'
import type { Silence } from './reply.ts'

type Words = { evidence: (host: string) => string; remedy: string }

const IS_IT_RUNNING = 'Is `npm start` running, and at this port? A Worker on Cloudflare has no port in its URL.'
const CERTIFICATE =
  'ZEGOCLOUD would not get through either. On Cloudflare: SSL/TLS > Edge Certificates; a new custom domain takes some minutes.'

const CODES: [RegExp, Words][] = [
  [
    /^ENOTFOUND$/,
    {
      evidence: (host) => `There is no host ${host}.`,
      remedy: 'Look for a slip in the name: `npx wrangler deploy` prints the URL at its end.',
    },
  ],
  [/^EAI_AGAIN$/, { evidence: (host) => `No name server answers for ${host}.`, remedy: 'Is this machine online?' }],
  [/^ECONNREFUSED$/, { evidence: (host) => `Nothing listens at ${host}.`, remedy: IS_IT_RUNNING }],
  [
    /^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    {
      evidence: (host) => `${host} closed the connection without an answer.`,
      remedy: 'Something between here and the Worker cuts connections: try from another network.',
    },
  ],
  [
    /^(?:ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/,
    { evidence: (host) => `${host} cannot be reached from here.`, remedy: 'Try from another network.' },
  ],
  [/^CERT_HAS_EXPIRED$/, { evidence: (host) => `The certificate of ${host} has expired.`, remedy: CERTIFICATE }],
  [
    /^(?:ERR_TLS_CERT_ALTNAME_INVALID)$/,
    { evidence: (host) => `The certificate there is not for ${host}.`, remedy: CERTIFICATE },
  ],
  [
    /SELF_SIGNED|UNABLE_TO_|^CERT_|^ERR_TLS|^ERR_SSL|^EPROTO$/,
    { evidence: (host) => `No TLS connection to ${host} can be trusted.`, remedy: CERTIFICATE },
  ],
]

export function aboutSilence({ code, message, ms }: Silence, host: string): Finding {
  if (code === 'TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT') {
    return wrong(`${host} gave no answer within ${seconds(ms)}.`, {
      remedy: 'The Worker answers within 5 s whatever its stores do, so look for what stands before it. Its log tells:',
      command: 'npx wrangler tail',
      ends: true,
    })
  }
  const known = CODES.find(([pattern]) => pattern.test(code))?.[1]
  if (known) return wrong(`${known.evidence(host)} (${code})`, { remedy: known.remedy, ends: true })
  return wrong(`${host} gave no answer: ${message} (${code}).`, { remedy: 'Try from another network.', ends: true })
}
