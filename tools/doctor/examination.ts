/** The checks in their order. The first failure that makes the rest pointless ends it. */
import type { Case } from './case.ts'
import { clean } from './cleaning.ts'
import { checkHealth, checkReachable } from './door.ts'
import { skipped, type Finding } from './finding.ts'
import { checkPublication } from './publication.ts'
import { checkHistory, checkReading } from './reading.ts'
import { checkEncodings, checkRepeat, checkSwap } from './sameness.ts'
import { checkSigned } from './signed.ts'

type Check = { title: string; look: (patient: Case) => Promise<Finding> }

const CHECKS: Check[] = [
  { title: 'Callback URL', look: checkReachable },
  { title: '/healthz', look: checkHealth },
  { title: 'So far', look: checkHistory },
  { title: 'Signed callback', look: checkSigned },
  { title: 'Repeated', look: checkRepeat },
  { title: 'Encoded otherwise', look: checkEncodings },
  { title: 'Body swapped', look: checkSwap },
  { title: 'Read back', look: checkReading },
]
const PUBLICATION: Check = { title: 'Published', look: checkPublication }
const CLEANING: Check = { title: 'Cleared away', look: clean }

/** Whether all is well. What was left is cleared away whatever happens, also when it is told to stop. */
export async function examine(
  patient: Case,
  show: (title: string, finding: Finding) => void,
  stop?: AbortSignal,
): Promise<boolean> {
  let isWell = true
  let ended = false
  const look = async ({ title, look: check }: Check) => {
    const finding = ended ? skipped('Not looked at.') : await check(patient)
    show(title, finding)
    ended ||= finding.ends === true
    isWell &&= finding.verdict !== 'wrong'
  }
  try {
    for (const check of patient.publish ? [...CHECKS, PUBLICATION] : CHECKS) {
      ended ||= stop?.aborted === true
      await look(check)
    }
  } finally {
    ended = false
    await look(CLEANING)
  }
  return isWell
}
