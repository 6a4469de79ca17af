/** The checks in their order. The first failure that makes the others pointless ends them. */
import type { Context } from './context.ts'
import { Obstacle } from './obstacle.ts'
import { checkHealth, checkHistory, checkUrl } from './reach.ts'
import { note, type Result, skipped, TAIL, wrong } from './result.ts'
import { checkSigned } from './signed.ts'
import { checkReading, cleanUp } from './stored.ts'

type Check = {
  title: string
  check: (context: Context) => Promise<Result>
  /** What it means if the Worker itself does not answer. */
  blocked?: string
  /** For monitors and readers: where callbacks get through, the others can still be checked. */
  isOptional?: true
  /** Even after a failure. */
  isAlways?: true
}

const CHECKS: Check[] = [
  { title: 'Callback URL', check: checkUrl },
  { title: '/healthz', check: checkHealth, blocked: 'Callbacks get through, /healthz does not.', isOptional: true },
  { title: 'So far', check: checkHistory, blocked: 'Results cannot be read from here.', isOptional: true },
  { title: 'Signed callback', check: checkSigned, blocked: 'A GET gets through, a POST does not.' },
  { title: 'Read back', check: checkReading },
  { title: 'Clean-up', check: cleanUp, isAlways: true },
]

/** Whether all is well. */
export async function examine(context: Context, show: (title: string, result: Result) => void): Promise<boolean> {
  const verdicts: string[] = []
  let hasEnded = false
  for (const check of CHECKS) {
    const result: Result = hasEnded && !check.isAlways ? skipped('Not checked.') : await resultOf(check, context)
    show(check.title, result)
    verdicts.push(result.verdict)
    hasEnded ||= result.verdict === 'wrong' && !check.isOptional && !context.taken
  }
  return !verdicts.includes('wrong')
}

async function resultOf({ check, blocked, isOptional }: Check, context: Context): Promise<Result> {
  try {
    return await check(context)
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error
    const { result, status = 500 } = error
    const evidence = blocked === undefined ? result.evidence : `${blocked} ${result.evidence}`
    if (!isOptional) return { ...result, evidence }
    const isGuarded = status < 400 || [401, 403, 429].includes(status)
    return isGuarded ? note(evidence) : wrong(evidence, undefined, TAIL)
  }
}
