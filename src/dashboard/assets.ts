/** The pages' one style, one script and one icon, under names made of what they hold, so that a browser may keep them. */
import { Hono } from 'hono/tiny'
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

let paths: { style: string; script: string; icon: string } | undefined

/** Made when a page first names them: to hash these texts would take a good part of a Worker's start. */
export function assetPaths() {
  paths ??= {
    style: `/assets/app-${nameOf(STYLE)}.css`,
    script: `/assets/app-${nameOf(SCRIPT)}.js`,
    icon: `/assets/app-${nameOf(ICON)}.svg`,
  }
  return paths
}

export const assets = new Hono()

assets.get('/assets/*', async (c, next) => {
  const { style, script, icon } = assetPaths()
  if (c.req.path === style) return asset(STYLE, 'text/css')
  if (c.req.path === script) return asset(SCRIPT, 'text/javascript')
  if (c.req.path === icon) return asset(ICON, 'image/svg+xml')
  return next()
})

function asset(text: string, type: string): Response {
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  }
  return new Response(text, { headers })
}
