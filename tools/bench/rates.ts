/** How fast what waited is worked off: what is unpublished, what INTAKE holds, what ASIDE holds. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle } from '../lab/bundle.ts'
import { bodies, posting } from '../lab/client.ts'
import { alone, type Figure, inRounds } from './figures.ts'
import { type Server, startServer } from './server.ts'
import { fill } from './stored.ts'

const WAITING = 100
const POLL_MS = 20
/** ASIDE is drained when a tenth minute begins. */
const TENTH_MINUTE = new Date(0)

export async function rateFigures(rounds: number): Promise<Figure[]> {
  const server = await startServer(await bundle('src/worker.ts'))
  try {
    await posting(server.callbackUrl, bodies(1))() // it makes the schema
    const figure = async (name: string, round: () => Promise<number>) =>
      alone(name, '/s', await inRounds(rounds, round))
    return [
      await figure(`sweep, of ${WAITING} unpublished`, () => sweepRate(server)),
      await figure(`INTAKE, of ${WAITING} waiting`, () => intakeRate(server)),
      await figure(`ASIDE, of ${WAITING} waiting`, () => asideRate(server)),
    ]
  } finally {
    await server.stop()
  }
}

async function sweepRate(server: Server): Promise<number> {
  await server.db.prepare('DELETE FROM snapshots').run()
  await fill(server.db, WAITING, Date.now())
  return rateUntil(server.cron(), async () => !(await exists(server, 'publish_at IS NOT NULL')))
}

async function intakeRate({ db, intake }: Server): Promise<number> {
  const before = await stored(db)
  const sent = texts().map(async (body) => intake.send({ kind: 'callback', body, received_at: Date.now() }))
  return rateUntil(Promise.all(sent), async () => (await stored(db)) >= before + WAITING)
}

async function asideRate({ db, aside, cron }: Server): Promise<number> {
  const before = await stored(db)
  const callbacks = texts().map((body, index) => ({ key: `waiting:${index}`, body }))
  await Promise.all(callbacks.map(({ key, body }) => aside.put(key, JSON.stringify({ body, received_at: Date.now() }))))
  return rateUntil(cron(TENTH_MINUTE), async () => (await stored(db)) >= before + WAITING)
}

const texts = () => bodies(WAITING).map(({ bytes }) => new TextDecoder().decode(bytes))

async function rateUntil(started: Promise<unknown>, isDone: () => Promise<boolean>): Promise<number> {
  const began = performance.now()
  await started
  while (!(await isDone())) await sleep(POLL_MS)
  return WAITING / ((performance.now() - began) / 1000)
}

const exists = async ({ db }: Server, which: string) =>
  (await db.prepare(`SELECT 1 FROM snapshots WHERE ${which} LIMIT 1`).first()) !== null

const stored = async (db: D1Database) =>
  (await db.prepare('SELECT count(*) AS n FROM snapshots').first<{ n: number }>())!.n
