/** Any receiver, ours or another: the same bodies, on ZEGOCLOUD's own schedule and as fast as it answers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { callbackFor, deliver, type Answer } from '../zegocloud.ts'
import { alone, type Figure, inRounds, median, percentile } from './figures.ts'
import { bodies, byTurns, flood, posting } from './load.ts'

const TIMES_A_ROUND = 50
/** ZEGOCLOUD lets an app start 20 tasks a second. */
const TASKS_A_SECOND = 20

export async function urlFigures(url: URL, secret: string, rounds: number): Promise<Figure[]> {
  await flood(url, bodies(TIMES_A_ROUND, { secret }), 16) // to be warm
  const paced = await inRounds(rounds, async () => {
    const [taken = []] = await byTurns([posting(url, TIMES_A_ROUND, { secret })], TIMES_A_ROUND)
    return taken
  })
  const figures = [
    alone('answer time, 1 connection with pauses', 'ms', paced.map(median)),
    alone(
      'the slowest of twenty',
      'ms',
      paced.map((taken) => percentile(taken, 0.95)),
    ),
  ]
  for (const count of [1, 16, 64]) {
    const rates = await inRounds(rounds, async () => {
      const callbacks = bodies(Math.max(TIMES_A_ROUND, count * 5), { secret })
      const began = performance.now()
      const taken = await flood(url, callbacks, count)
      return { ms: median(taken), rate: taken.length / ((performance.now() - began) / 1000) }
    })
    const title = `${count} connection${count === 1 ? '' : 's'} without pause`
    figures.push(
      alone(
        `answer time, ${title}`,
        'ms',
        rates.map(({ ms }) => ms),
      ),
      alone(
        `answers, ${title}`,
        '/s',
        rates.map(({ rate }) => rate),
      ),
    )
  }
  return [...figures, ...(await onSchedule(url, secret, rounds * TIMES_A_ROUND))]
}

/** As ZEGOCLOUD sends: 20 tasks a second, each retried up to five times. */
async function onSchedule(url: URL, secret: string, tasks: number): Promise<Figure[]> {
  const answers: Answer[] = []
  let lost = 0
  const play = async () => {
    const onAnswer = (answer: Answer) => answers.push(answer)
    const callback = callbackFor({ secret })
    const { delivered } = await deliver(url, callback, { secret, encoding: 'json', retry: 're-signed', onAnswer })
    if (!delivered) lost += 1
  }
  const running: Promise<void>[] = []
  for (let index = 0; index < tasks; index += 1) {
    running.push(play())
    await sleep(1000 / TASKS_A_SECOND)
  }
  await Promise.all(running)
  const taken = answers.map(({ ms }) => ms)
  const title = `${tasks} tasks on ZEGOCLOUD's schedule`
  return [
    alone(`answer time, ${title}`, 'ms', [median(taken)]),
    alone(`slowest answer, ${title}`, 'ms', [Math.max(...taken)]),
    alone(`attempts, ${title}`, 'callbacks', [answers.length]),
    alone(`lost, ${title}`, 'callbacks', [lost]),
  ]
}
