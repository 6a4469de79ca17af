/** The pages' one style, one script and one icon, under names made of what they hold, so that a browser may keep them. */
import { Hono } from 'hono/tiny'
import { notFound, problem } from '../http/problem.ts'
import style from './app.css'
import script from './browser.js'

/** Four frames. */
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="#86817a">
<path d="M1 2h6v5H1zM9 2h6v5H9zM1 9h6v5H1zM9 9h6v5H9z"/></svg>
`

const ASSETS = {
  css: { text: style, type: 'text/css' },
  js: { text: script, type: 'text/javascript' },
  svg: { text: icon, type: 'image/svg+xml' },
}

type Kind = keyof typeof ASSETS

const paths: Partial<Record<Kind, string>> = {}

/** Made when a page first names it: to hash these texts would take a good part of a Worker's start. */
export function assetPath(kind: Kind): string {
  return (paths[kind] ??= `/assets/app-${hashOf(ASSETS[kind].text)}.${kind}`)
}

/** FNV-1a: it names a version, and guards nothing. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

export const assets = new Hono()

assets.get('/assets/*', (c) => {
  const kind = (Object.keys(ASSETS) as Kind[]).find((each) => assetPath(each) === c.req.path)
  if (kind === undefined) return problem(notFound(`There is no ${c.req.path} here.`).problem)
  const { text, type } = ASSETS[kind]
  return c.body(text, 200, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  })
})
