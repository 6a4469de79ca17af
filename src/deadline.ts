/** A store that hangs must not hold the answer: what takes longer than its deadline has failed. */
export class DeadlineExceeded extends Error {
  override name = 'DeadlineExceeded'
}

/** The promise's value, or a `DeadlineExceeded` after `ms`. The work itself goes on: it has to be idempotent. */
export async function withDeadline<Value>(work: Promise<Value>, ms: number, what: string): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceeded(`${what} took longer than ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
