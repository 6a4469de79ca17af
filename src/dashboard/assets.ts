/** The pages' one style, one script and one icon, under names made of what they hold, so that a browser may keep them. */
import type { Context } from 'hono'
import { notFound } from '../http/problem.ts'
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

/** A cache: each isolate makes the same paths of the same texts. */
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

/**
 * During a gradual deployment a page of one version asks the other version for its style: the current file is better
 * than none, and must not be kept under a name that is not its own.
 */
export function showAsset(c: Context): Response {
  const [, extension] = /^\/assets\/app-[0-9a-f]{8}\.(css|js|svg)$/.exec(c.req.path) ?? []
  if (extension === undefined) throw notFound(`There is no ${c.req.path} here.`)
  const kind = extension as Kind
  const { text, type } = ASSETS[kind]
  return c.body(text, 200, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': c.req.path === assetPath(kind) ? 'public, max-age=31536000, immutable' : 'no-store',
    'x-content-type-options': 'nosniff',
  })
}
