/** The checks in their order. The first failure that makes the others pointless ends them. */
import type { Context } from './context.ts'
import { Obstacle } from './obstacle.ts'
import { checkHealth, checkHistory, checkUrl } from './reach.ts'
import { note, type Result, skipped } from './result.ts'
import { checkSigned } from './signed.ts'
import { checkReading, cleanUp } from './stored.ts'

type Check = {
  title: string
  check: (context: Context) => Promise<Result>
  /** For monitors and readers: where callbacks get through, the others can still be checked. */
  isOptional?: true
  /** Even after a failure. */
  isAlways?: true
}

const CHECKS: Check[] = [
  { title: 'Callback URL', check: checkUrl },
  { title: '/healthz', check: checkHealth, isOptional: true },
  { title: 'So far', check: checkHistory, isOptional: true },
  { title: 'Signed callback', check: checkSigned },
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

async function resultOf({ check, isOptional }: Check, context: Context): Promise<Result> {
  try {
    return await check(context)
  } catch (error) {
    if (!(error instanceof Obstacle)) throw error
    return isOptional ? note(error.result.evidence) : error.result
  }
}
