/** How fast what waited is worked off: what is unpublished, what INTAKE holds, what ASIDE holds. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bundle } from '../lib/bundle.ts'
import { bodies, posting } from '../lab/client.ts'
import { alone, type Figure, inRounds, type Target } from './figures.ts'
import { type Server, startServer } from './server.ts'
import { fill } from './stored.ts'

/** More than one slice of each plan. */
const PLANS = [
  { plan: 'free', waiting: 50, sweep: undefined, aside: undefined },
  { plan: 'paid', waiting: 600, sweep: { atLeast: 150 }, aside: { atLeast: 40 } },
]
const POLL_MS = 20
/** ASIDE is drained when a tenth minute begins. */
const TENTH_MINUTE = new Date(0)

export async function rateFigures(rounds: number): Promise<Figure[]> {
  const modules = await bundle('src/worker.ts')
  const figures: Figure[] = []
  for (const { plan, waiting, ...targets } of PLANS) {
    const server = await startServer(modules, { PLAN: plan })
    try {
      await posting(server.callbackUrl, bodies(1))() // it makes the schema
      const figure = async (name: string, target: Target | undefined, round: Rate) =>
        alone(
          `${name}, ${waiting} waiting, PLAN=${plan}`,
          '/s',
          await inRounds(rounds, () => round(server, waiting)),
          target,
        )
      figures.push(
        await figure('sweep', targets.sweep, sweepRate),
        await figure('INTAKE', undefined, intakeRate),
        await figure('ASIDE', targets.aside, asideRate),
      )
    } finally {
      await server.stop()
    }
  }
  return figures
}

type Rate = (server: Server, waiting: number) => Promise<number>

async function sweepRate(server: Server, waiting: number): Promise<number> {
  await server.db.prepare('DELETE FROM snapshots').run()
  await fill(server.db, waiting, Date.now())
  return rateUntil(waiting, server.cron(), async () => !(await exists(server, 'publish_at IS NOT NULL')))
}

async function intakeRate({ db, intake }: Server, waiting: number): Promise<number> {
  const before = await stored(db)
  const sent = texts(waiting).map(async (body) => intake.send({ kind: 'callback', body, received_at: Date.now() }))
  return rateUntil(waiting, Promise.all(sent), async () => (await stored(db)) >= before + waiting)
}

async function asideRate({ db, aside, cron }: Server, waiting: number): Promise<number> {
  const before = await stored(db)
  const callbacks = texts(waiting).map((body, index) => ({ key: `waiting:${index}`, body }))
  await Promise.all(callbacks.map(({ key, body }) => aside.put(key, JSON.stringify({ body, received_at: Date.now() }))))
  return rateUntil(waiting, cron(TENTH_MINUTE), async () => (await stored(db)) >= before + waiting)
}

const texts = (count: number) => bodies(count).map(({ bytes }) => new TextDecoder().decode(bytes))

async function rateUntil(count: number, started: Promise<unknown>, isDone: () => Promise<boolean>): Promise<number> {
  const began = performance.now()
  await started
  while (!(await isDone())) await sleep(POLL_MS)
  return count / ((performance.now() - began) / 1000)
}

const exists = async ({ db }: Server, which: string) =>
  (await db.prepare(`SELECT 1 FROM snapshots WHERE ${which} LIMIT 1`).first()) !== null

const stored = async (db: D1Database) =>
  (await db.prepare('SELECT count(*) AS n FROM snapshots').first<{ n: number }>())!.n
