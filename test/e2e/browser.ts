/** A headless Chromium: the one that npm brings for Linux x64, or one that is installed. What its pages are asked. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import bundled from '@sparticuz/chromium'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { TOKEN } from './receiver.ts'

/** With these the browser would let pass what a page's own policy forbids, or crash when a context closes. */
const UNWANTED = ['--single-process', '--no-zygote', '--disable-web-security', '--allow-running-insecure-content']

/** Nothing but the pages asks for anything. */
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
]

const INSTALLED = [
  '/usr/bin/google-chrome',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/** The browser, or why none starts. */
export async function startBrowser(): Promise<Browser | string> {
  const args = bundled.args.filter((arg) => !UNWANTED.includes(arg)).concat(QUIET)
  const reasons: string[] = []
  for (const find of [() => bundled.executablePath(), ...INSTALLED.filter(existsSync).map((path) => () => path)]) {
    try {
      return await chromium.launch({ executablePath: await find(), args, headless: true })
    } catch (error) {
      reasons.push(String(error).split('\n')[0]!)
    }
  }
  return `no browser starts: ${reasons.join('; ')}`
}

/** A page with a context of its own, what it asked for, and what it complained of. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const requested: string[] = []
  const complaints: string[] = []
  page.on('request', (request) => requested.push(request.url()))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('dialog', (dialog) => {
    complaints.push(`a script ran: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return { page, requested, complaints }
}

export async function signIn(page: Page, origin: string, token = TOKEN) {
  await page.goto(origin)
  await page.getByLabel('API token').fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Waits until every picture that is not hidden has been drawn. */
export const drawn = (page: Page) =>
  page.waitForFunction(
    `document.images.length > 0 && [...document.images].every((image) => image.complete && image.naturalWidth > 0)`,
  )

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds serious or worse. */
export async function findings(page: Page): Promise<string[]> {
  // As a page's own script would be, it is kept out by the policy: it is run by the browser's debugger.
  await page.evaluate(axe)
  return page.evaluate(async () => {
    type Axe = { run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> }
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run()
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
  })
}
