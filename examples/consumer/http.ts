/** What the requests of these examples have in common. */

/** Some hosts refuse a request that does not say who makes it. */
export const USER_AGENT = 'zego-snapshots-consumer'

/** What a failure says. Its body stays out: it may repeat what a URL is signed with. */
export async function failureOf(response: Response): Promise<string> {
  await response.body?.cancel() // unread, it would hold its connection
  return `answered ${response.status}`
}
