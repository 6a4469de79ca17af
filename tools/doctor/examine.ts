/** The checks in their order. The first failure that makes the others pointless ends them. */
import type { Context } from './context.ts'
import { obstacleOf } from './obstacle.ts'
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
}

const CHECKS: Check[] = [
  { title: 'Callback URL', check: checkUrl },
  { title: '/healthz', check: checkHealth, blocked: 'Callbacks get through, /healthz does not.', isOptional: true },
  { title: 'So far', check: checkHistory, blocked: 'Results cannot be read from here.', isOptional: true },
  { title: 'Signed callback', check: checkSigned, blocked: 'A GET gets through, a POST does not.' },
  { title: 'Read back', check: checkReading },
]
const CLEAN_UP: Check = { title: 'Clean-up', check: cleanUp }

/** Whether all is well. What was left is cleaned up in any case, also after `stop`. */
export async function examine(
  context: Context,
  show: (title: string, result: Result) => void,
  stop?: AbortSignal,
): Promise<boolean> {
  const verdicts: string[] = []
  let hasEnded = false
  const run = async (check: Check) => {
    const result = hasEnded ? skipped('Not checked.') : await resultOf(check, context)
    show(check.title, result)
    verdicts.push(result.verdict)
    hasEnded ||= result.verdict === 'wrong' && !check.isOptional && !context.taken
  }
  try {
    for (const check of CHECKS) {
      hasEnded ||= stop?.aborted === true
      await run(check)
    }
  } finally {
    hasEnded = false
    await run(CLEAN_UP)
  }
  return !verdicts.includes('wrong')
}

async function resultOf({ check, blocked, isOptional }: Check, context: Context): Promise<Result> {
  try {
    return await check(context)
  } catch (error) {
    const { result, status = 500 } = obstacleOf(error)
    const evidence = blocked === undefined ? result.evidence : `${blocked} ${result.evidence}`
    if (!isOptional) return { ...result, evidence }
    const isGuarded = status < 400 || [401, 403, 429].includes(status)
    return isGuarded ? note(evidence) : wrong(evidence, undefined, TAIL)
  }
}
