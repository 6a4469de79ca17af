import { describe, expect, it } from 'vitest'
import { signedCallback } from '../callbacks.ts'
import { deliver } from '../worker.ts'
import { pageOf, signedIn, visitor } from './visitor.ts'

describe('the health page', () => {
  it('lists what is well and what is not, with what fixes it', async () => {
    await deliver(signedCallback())
    await deliver(signedCallback({}, 'another secret'))
    const { text } = await pageOf(await (await signedIn({ CALLBACK_PATH_TOKEN: '' })).open('/health'))
    expect(text).toContain('The last callback came')
    expect(text).toContain('npx wrangler secret put CALLBACK_PATH_TOKEN')
    expect(text).toContain('<h1>Failing</h1>')
  })

  it.each([
    ['ALERT_URL', 'npx wrangler secret put ALERT_URL'],
    ['READ_TOKEN', 'npx wrangler secret put READ_TOKEN'],
    ['PLAN', 'PLAN = …'],
  ])('names a setting that is broken, and what sets it: %s', async (setting, command) => {
    const { text } = await pageOf(await (await signedIn({ [setting]: '[' })).open('/health'))
    expect(text).toContain(`${setting}: `)
    expect(text).toContain(command)
  })

  it('never shows the path token', async () => {
    const someone = await signedIn({ CALLBACK_PATH_TOKEN: 'path-token-7' })
    for (const path of ['/', '/health']) {
      const { text } = await pageOf(await someone.open(path))
      expect(text).not.toContain('path-token-7')
      expect(text).toContain('&lt;CALLBACK_PATH_TOKEN&gt;')
    }
  })

  it('makes a path token where none is set, in the URL and in the command that sets it, before the secrets too', async () => {
    const tokens = new Set<string>()
    for (const someone of [visitor({ API_TOKEN: '' }), await signedIn(), await signedIn()]) {
      const { text } = await pageOf(await someone.open('/health'))
      const [, token] = />https:\/\/receiver\.test\/zego\/callback\/([0-9a-f]{32})<\/pre>/.exec(text)!
      expect(text).toContain(`<pre tabindex="0">echo ${token} | npx wrangler secret put CALLBACK_PATH_TOKEN</pre>`)
      expect(text).not.toContain('&lt;CALLBACK_PATH_TOKEN&gt;')
      tokens.add(token!)
    }
    expect(tokens.size).toBe(3)
  })

  it('says that no path token is set without calling that healthy, and without another verdict', async () => {
    const { text } = await pageOf(await (await signedIn()).open('/health'))
    expect(text).toMatch(/<h1>Healthy<\/h1>/)
    expect(text).toMatch(/<span class="status note"><span><span class="unseen">Note: <\/span>No path token is set/)
    expect(text).not.toMatch(/<span class="status (?:waiting|bad)">/)
  })

  it.each([
    ['https://zego-snapshots.me.workers.dev', 'npx wrangler secret put API_TOKEN<'],
    ['https://staging.me.workers.dev', 'npx wrangler secret put API_TOKEN --name staging<'],
    ['https://hooks.receiver.test', 'npx wrangler secret put API_TOKEN<'],
  ])('names the Worker in its commands where it was deployed under another name: %s', async (origin, command) => {
    expect((await pageOf(await visitor({ API_TOKEN: '' }, origin).open('/'))).text).toContain(command)
  })
})
