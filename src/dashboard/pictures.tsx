/** Pictures: in their frames, in a row's strip, and as a sheet. */
import type { Picture } from '../event.ts'
import { STRIP_FRAMES } from '../store/gallery.ts'
import { isHttps, usePage } from './page.ts'
import { minutes } from './format.ts'

/** How a picture's URL may be used: as a link and an image, or as words alone. */
type Shown =
  /** `original` is ZEGOCLOUD's own; `source` is what the page can load. */
  | { original: string; source: string; host: string }
  /** What has no host, as Huawei's relative names, or a host that a page must not be made to call. */
  | { name: string }

const LONGEST_NAME = 120

/** @param page the URL of the page: over https, `http:` is tried as `https:`, as browsers load nothing less */
export function shownPicture(url: string, page: string): Shown {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return { name: nameOf(url) }
  const { href: original, host } = parsed
  if (isInner(parsed) && !isInner(new URL(page))) return { name: host }
  return { original, source: isHttps(page) ? original.replace(/^http:/, 'https:') : original, host }
}

/** Names and addresses of the reader's own network, where a forged record could have a browser call something. */
const INNER = [
  /^[^.[]*$/, // a name without a dot, such as localhost
  /\.(?:local|localhost|internal|lan|home\.arpa)$/,
  /^(?:0|10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./,
  /^\[(?:::|f[cde])/,
]

/** URLs have addresses in one form: `0x7f.1` is `127.0.0.1`. */
function isInner({ hostname }: URL): boolean {
  const name = hostname.replace(/\.$/, '')
  return INNER.some((inner) => inner.test(name))
}

/** The last part of a path; of anything else, such as a script, what it is. */
function nameOf(url: string): string {
  if (url === '') return 'No picture' // ZEGOCLOUD could not make it
  const path = /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : (url.split(/[?#]/)[0]!.split('/').findLast(Boolean) ?? url)
  return path.length > LONGEST_NAME ? `${path.slice(0, LONGEST_NAME)}…`.toWellFormed() : path
}

const useShown = (url: string) => shownPicture(url, usePage().req.url)

export function Thumbnail({ url, alt }: { url: string; alt: string }) {
  const shown = useShown(url)
  if ('name' in shown) return <code title={shown.name}>{shown.name}</code>
  return <img src={shown.source} alt={alt} data-host={shown.host} loading="lazy" decoding="async" />
}

function altOf(n: number, count: number, offset: number | undefined): string {
  return `Screenshot ${n + 1} of ${count}${offset === undefined ? '' : ` at ${minutes(offset)}`}`
}

/** The first pictures of a task; where there are more, the last frame says how many. */
export function Strip({ first, count }: { first: readonly Picture[]; count: number }) {
  if (count === 0) return <p class="quiet">ZEGOCLOUD sent no picture.</p>
  const isMore = count > STRIP_FRAMES
  const shown = isMore ? first.slice(0, STRIP_FRAMES - 1) : first
  return (
    <div class="strip">
      {shown.map(({ url, offset }, n) => (
        <span class="frame">
          <Thumbnail url={url} alt={altOf(n, count, offset)} />
        </span>
      ))}
      {isMore && <span class="frame">{`+${count - shown.length}`}</span>}
    </div>
  )
}

/** @param n its index, of `count` */
export function Frame({ picture: { url, offset }, n, count }: { picture: Picture; n: number; count: number }) {
  const alt = altOf(n, count, offset)
  const shown = useShown(url)
  const inside = <Thumbnail url={url} alt={alt} />
  const index = [`${n + 1} of ${count}`, ...(offset === undefined ? [] : [minutes(offset)])].join(' · ')
  return (
    <li>
      {'name' in shown ? (
        <span class="frame">{inside}</span>
      ) : (
        <a
          class="frame"
          href={shown.original}
          rel="noreferrer"
          data-large={shown.source}
          data-index={index}
          data-host={shown.host}
          data-alt={alt}
        >
          {inside}
        </a>
      )}
      <small>
        <span>{n + 1}</span>
        {offset !== undefined && <span>{minutes(offset)}</span>}
      </small>
    </li>
  )
}
