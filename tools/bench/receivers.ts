/** Any one or two receivers, ours or others: the same callbacks by turns, paced, in a rush, on ZEGOCLOUD's schedule. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bodies, byTurns, flood, posting } from '../lab/client.ts'
import { median, percentile } from '../lib/stats.ts'
import { callbackFor, type Answer, type Callback, deliver } from '../zegocloud/callback.ts'
import { alone, compared, type Figure, inRounds } from './figures.ts'

const TIMES_A_ROUND = 50
/** ZEGOCLOUD lets an app start 20 tasks a second. */
const TASKS_A_SECOND = 20

export async function receiverFigures(
  urls: readonly URL[],
  secret: string,
  rounds: number,
  times = TIMES_A_ROUND,
): Promise<Figure[]> {
  for (const url of urls) await flood(url, bodies(times, { secret }), 16) // to be warm
  const paced = await inRounds(rounds, async () => {
    const callbacks = bodies(times, { secret })
    return byTurns(
      urls.map((url) => posting(url, callbacks)),
      times,
    )
  })
  const figures = [
    figure('answer time, 1 connection with pauses', 'ms', paced, median),
    figure('the slowest of twenty', 'ms', paced, (taken) => percentile(taken, 0.95)),
  ]
  for (const count of [1, 16, 64]) {
    const rushes = await inRounds(rounds, async (round) => {
      const callbacks = bodies(Math.max(times, count * 5), { secret })
      return inTurn(urls, round, async (url) => {
        const began = performance.now()
        const taken = await flood(url, callbacks, count)
        return { ms: median(taken), rate: taken.length / ((performance.now() - began) / 1000) }
      })
    })
    const title = `${count} connection${count === 1 ? '' : 's'} without pause`
    figures.push(
      figure(`answer time, ${title}`, 'ms', rushes, ({ ms }) => ms),
      figure(`answers, ${title}`, '/s', rushes, ({ rate }) => rate),
    )
  }
  const scheduled = await inRounds(rounds, async (round) => {
    const callbacks = Array.from({ length: times }, () => callbackFor({ secret }))
    return inTurn(urls, round, async (url) => onSchedule(url, callbacks, secret))
  })
  const title = `${times} tasks on ZEGOCLOUD's schedule`
  return [
    ...figures,
    figure(`answer time, ${title}`, 'ms', scheduled, ({ taken }) => median(taken)),
    figure(`slowest answer, ${title}`, 'ms', scheduled, ({ taken }) => Math.max(...taken)),
    figure(`attempts, ${title}`, 'callbacks', scheduled, ({ taken }) => taken.length),
    figure(`lost, ${title}`, 'callbacks', scheduled, ({ lost }) => lost),
  ]
}

/** Of one receiver, or of the first compared with the second. */
function figure<Value>(
  name: string,
  unit: Figure['unit'],
  rounds: readonly Value[][],
  of: (value: Value) => number,
): Figure {
  const values = rounds.map((each) => each.map(of))
  if (values.every(({ length }) => length === 1)) return alone(name, unit, values.flat())
  return compared(
    name,
    unit,
    values.map(([ours = NaN, reference = NaN]) => ({ ours, reference })),
  )
}

/** One after another; in every second round the other way about, so that none is always the first. */
async function inTurn<Value>(
  urls: readonly URL[],
  round: number,
  measure: (url: URL) => Promise<Value>,
): Promise<Value[]> {
  const order = round % 2 === 0 ? urls : urls.toReversed()
  const values = new Map<URL, Value>()
  for (const url of order) values.set(url, await measure(url))
  return urls.map((url) => values.get(url)!)
}

/** As ZEGOCLOUD sends: 20 tasks a second, each retried up to five times. */
async function onSchedule(url: URL, callbacks: readonly Callback[], secret: string) {
  const answers: Answer[] = []
  const onAnswer = (answer: Answer) => answers.push(answer)
  const running = callbacks.map(async (callback, index) => {
    await sleep((index * 1000) / TASKS_A_SECOND)
    return deliver(url, callback, { secret, encoding: 'json', retry: 're-signed', onAnswer })
  })
  const lost = (await Promise.all(running)).filter(({ delivered }) => !delivered).length
  return { taken: answers.map(({ ms }) => ms), lost }
}
