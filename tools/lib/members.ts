/** What others say in JSON, of which nothing is certain: members by name, as far as they are there. */
export type Members = Readonly<Record<string, unknown>>

export const membersOf = (value: unknown): Members => (typeof value === 'object' && value !== null ? { ...value } : {})

/** None where the text is no JSON. */
export function membersIn(text: string): Members {
  try {
    return membersOf(JSON.parse(text))
  } catch {
    return {}
  }
}

export function textIn(members: Members, name: string): string | undefined {
  const value = members[name]
  return typeof value === 'string' ? value : undefined
}

/** A receiver's word for its answer: the `code` of a problem, the `status` of a success. */
export const wordIn = (members: Members) => textIn(members, 'code') ?? textIn(members, 'status')
