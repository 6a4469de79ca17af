/** What can be done. Each ends in a page that says so. */
import { Hono } from 'hono/tiny'
import type { Context } from 'hono'
import { partOf, requestId } from '../http/request.ts'
import { log } from '../log.ts'
import { deleteOfReason, type Operation, removeSnapshot, republish, retryEntry } from '../operate.ts'
import { isFault, rulesOf } from '../settings.ts'
import { REASONS, removeEntries } from '../store/quarantine.ts'
import { askZego } from './answer.tsx'
import { formOf } from './auth.tsx'
import { showEntry, showHealth, showTask } from './pages.tsx'
import { quarantinePath } from './sought.ts'
import { sendTest } from './test-callback.ts'
import type { Visit } from './visit.ts'
import { entryPath, taskPath } from './words.ts'

export const actions = new Hono<Visit>()

const MOST_DELETED = 100

actions.post('/tasks/:task_id/send', async (c) => {
  const task_id = partOf(c.req.url, 2)
  const status = await republish(task_id, operationOf(c))
  return c.redirect(`${taskPath(task_id)}?flash=${status === 'accepted' ? 'sent' : 'unsent'}`, 303)
})

actions.post('/tasks/:task_id/confirmation', (c) => showTask(c, (record) => askZego(c.env, record)))

actions.post('/tasks/:task_id/delete', async (c) => {
  await removeSnapshot(partOf(c.req.url, 2), operationOf(c))
  return c.redirect('/?flash=deleted', 303)
})

actions.post('/quarantine/delete', async (c) => {
  const ids = (await formOf(c)).getAll('id').slice(0, MOST_DELETED)
  await removeEntries(c.env.DB, ids)
  log('info', 'quarantine.deleted', { ids, request_id: requestId(c) })
  return c.redirect('/quarantine?flash=deleted', 303)
})

actions.post('/quarantine/delete-all', async (c) => {
  const given = (await formOf(c)).get('reason')
  const reason = REASONS.find((each) => each === given)
  if (reason === undefined) return c.redirect('/quarantine', 303)
  const { left } = await deleteOfReason(reason, undefined, operationOf(c))
  const path = left === 0 ? quarantinePath({}, { flash: 'deleted' }) : quarantinePath({ reason }, { flash: 'left' })
  return c.redirect(path, 303)
})

actions.post('/quarantine/:id/retry', async (c) => {
  const id = partOf(c.req.url, 2)
  const retried = await retryEntry(id, (await formOf(c)).get('replace') === 'true', operationOf(c))
  if (retried === undefined) return c.redirect('/quarantine', 303)
  const { status } = retried.received
  if (status === 'stored' || status === 'duplicate') return c.redirect(`/quarantine?flash=${status}`, 303)
  return c.redirect(`${entryPath(id)}?flash=still`, 303)
})

actions.post('/quarantine/:id/confirmation', (c) => showEntry(c, (record) => askZego(c.env, record)))

actions.post('/health/test', async (c) => {
  const rules = rulesOf(c.get('settings'), () => false)
  if (isFault(rules)) return showHealth(c, undefined)
  return showHealth(c, await sendTest(rules, Date.now(), c.env))
})

function operationOf(c: Context<Visit>): Operation {
  const began = Date.now()
  const report = (event: string, facts: Record<string, unknown>) =>
    log('info', event, { ...facts, duration_ms: Date.now() - began, request_id: requestId(c) })
  return { env: c.env, settings: c.get('settings'), report, waitUntil: (work) => c.executionCtx.waitUntil(work) }
}
