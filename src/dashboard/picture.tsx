/** One picture in its frame: an image where it has a host, or its name. */
import { shownPicture } from './shown-picture.ts'

export function Thumbnail({ url, alt, isHttps }: { url: string; alt: string; isHttps: boolean }) {
  const shown = shownPicture(url, isHttps)
  if ('name' in shown) return <code title={shown.name}>{shown.name}</code>
  return <img src={shown.source} alt={alt} data-host={shown.host} loading="lazy" decoding="async" />
}
