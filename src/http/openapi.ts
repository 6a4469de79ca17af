/** `GET /openapi.json`, made beforehand of the schemas that validate: a Worker that makes it starts more slowly. */
import { Hono } from 'hono/tiny'
import type { Env } from '../settings.ts'
import document from './openapi.json'

/** wrangler.toml has it brought in as text. */
const text = document as unknown as string

const headers = { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' }

export const openapi = new Hono<{ Bindings: Env }>()

openapi.get('/openapi.json', () => new Response(text, { headers }))
