/** What can be done. Each ends in a page that says so. */
import { Hono } from 'hono/tiny'
import { forgetInKv, forgetInKvAgain } from '../publish/forget.ts'
import { publish } from '../publish/publish.ts'
import { partOf, requestId } from '../http/request.ts'
import { log } from '../log.ts'
import { retry } from '../retry.ts'
import { isFault, retentionDaysOf } from '../settings.ts'
import { findEntry, REASONS, removeEntries, removeOfReason } from '../store/quarantine.ts'
import { removeRecord, scheduleRepublish } from '../store/snapshots.ts'
import { askZego } from './answer.tsx'
import { formOf } from './auth.tsx'
import { showEntry, showHealth, showTask } from './pages.tsx'
import { quarantinePath } from './quarantine-filter.tsx'
import { sendTest } from './test-callback.ts'
import type { Visit } from './visit.ts'
import { entryPath, taskPath } from './words.ts'

export const actions = new Hono<Visit>()

const MOST_DELETED = 100

actions.post('/tasks/:task_id/send', async (c) => {
  const task_id = partOf(c.req.url, 2)
  const now = Date.now()
  const publication = await scheduleRepublish(c.env.DB, task_id, now)
  if (publication) {
    log('info', 'snapshot.republished', { task_id, request_id: requestId(c) })
    c.executionCtx.waitUntil(publish([publication], c.env, retentionDaysOf(c.get('settings')), now))
  }
  return c.redirect(`${taskPath(task_id)}?flash=${publication ? 'sent' : 'unsent'}`, 303)
})

actions.post('/tasks/:task_id/confirmation', (c) => showTask(c, (record) => askZego(c.env, record)))

actions.post('/tasks/:task_id/delete', async (c) => {
  const task_id = partOf(c.req.url, 2)
  await forgetInKv(c.env.RESULTS, task_id)
  const { wasOwedToKv } = await removeRecord(c.env.DB, task_id)
  if (wasOwedToKv) c.executionCtx.waitUntil(forgetInKvAgain(c.env.RESULTS, task_id))
  log('info', 'snapshot.deleted', { task_id, request_id: requestId(c) })
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
  const { deleted, left } = await removeOfReason(c.env.DB, reason)
  log('info', 'quarantine.deleted', { reason, deleted, request_id: requestId(c) })
  const path = left === 0 ? quarantinePath({}, { flash: 'deleted' }) : quarantinePath({ reason }, { flash: 'left' })
  return c.redirect(path, 303)
})

actions.post('/quarantine/:id/retry', async (c) => {
  const entry = await findEntry(c.env.DB, partOf(c.req.url, 2))
  if (entry === undefined) return c.redirect('/quarantine', 303)
  const wins = (await formOf(c)).get('replace') === 'true'
  const now = Date.now()
  const { received, forgetting } = await retry(entry, wins, c.env, now)
  const { id, task_id } = entry
  const { status } = received
  log('info', 'quarantine.retried', { id, task_id, replace: wins, status, request_id: requestId(c) })
  if (forgetting) c.executionCtx.waitUntil(forgetting)
  if (received.status === 'stored') {
    c.executionCtx.waitUntil(publish([received.publication], c.env, retentionDaysOf(c.get('settings')), now))
  }
  if (status === 'stored' || status === 'duplicate') return c.redirect(`/quarantine?flash=${status}`, 303)
  return c.redirect(`${entryPath(id)}?flash=still`, 303)
})

actions.post('/quarantine/:id/confirmation', (c) => showEntry(c, (record) => askZego(c.env, record)))

actions.post('/health/test', async (c) => {
  const { secrets, toleranceSeconds } = c.get('settings')
  if (isFault(secrets) || isFault(toleranceSeconds)) return showHealth(c, undefined)
  return showHealth(c, await sendTest({ secrets, toleranceSeconds }, Date.now(), c.env))
})
