/** `/v1` is for whoever has the API token. */
import { createMiddleware } from 'hono/factory'
import { answerOf } from '../callback/refusal.ts'
import { type Env, isFault, readSettings } from '../settings.ts'
import { problem } from './problem.ts'
import { isToken } from '../token.ts'

export const bearer = createMiddleware<{ Bindings: Env }>(async (c, next) => {
  const { apiTokens } = readSettings(c.env)
  if (isFault(apiTokens)) {
    const code = 'not_configured'
    return problem({ code, ...answerOf({ code, ...apiTokens }) })
  }
  const given = /^bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1]
  if (given === undefined || !(await isToken(given, apiTokens))) {
    return problem({
      code: 'unauthorized',
      status: 401,
      title: 'The API token is missing or wrong',
      detail: 'Send the header "Authorization: Bearer <API_TOKEN>".',
      headers: { 'www-authenticate': 'Bearer realm="zego-snapshots"' },
    })
  }
  return next()
})
