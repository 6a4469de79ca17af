/** A headless Chromium: the one that npm brings for Linux x64, or one that is installed. */
import { existsSync } from 'node:fs'
import bundled from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'

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
