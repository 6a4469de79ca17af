/** The pages' one style, one script and one icon, under names made of what they hold, so that a browser may keep them. */
import { Hono } from 'hono'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

/** FNV-1a: it names a version, and guards nothing. */
function nameOf(text: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/** Four frames. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#86817a">
<path d="M1 2h6v5H1zM9 2h6v5H9zM1 9h6v5H1zM9 9h6v5H9z"/></svg>
`

export const STYLE_PATH = `/assets/app-${nameOf(STYLE)}.css`
export const SCRIPT_PATH = `/assets/app-${nameOf(SCRIPT)}.js`

export const ICON_PATH = `/assets/app-${nameOf(ICON)}.svg`

export const assets = new Hono()

assets.get(STYLE_PATH, () => asset(STYLE, 'text/css'))
assets.get(SCRIPT_PATH, () => asset(SCRIPT, 'text/javascript'))
assets.get(ICON_PATH, () => asset(ICON, 'image/svg+xml'))

function asset(text: string, type: string): Response {
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  }
  return new Response(text, { headers })
}
