/** What the requests of these examples have in common. */

/** Some hosts refuse a request that does not say who makes it. */
export const USER_AGENT = 'zego-snapshots-consumer'

const MOST_CHARACTERS = 200

/** What a failure says: its status, and the beginning of its own words, without what the URL is signed with. */
export async function failureOf(response: Response, url: string | URL): Promise<string> {
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  await reader?.cancel()
  const { search, searchParams } = new URL(url)
  const signed = [...searchParams.values(), ...search.split(/[?&=]/)].filter((part) => part.length > 4)
  const said = new TextDecoder().decode(value).replaceAll(/\?\S+/g, '?…')
  const words = signed
    .reduce((text, part) => text.replaceAll(part, '…'), said)
    .replaceAll(/\s+/g, ' ')
    .trim()
  return `answered ${response.status}${words && `: ${words.slice(0, MOST_CHARACTERS)}`}`
}
