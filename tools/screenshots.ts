/** `npm run screenshots`: the dashboard's pages as they look now, in light, dark and phone width, into docs/. */
import { join } from 'node:path'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { startBrowser } from './browser.ts'
import { command } from './command.ts'
import { openExhibition, SECRET, TOKEN } from './exhibition.ts'
import { callbackFor, stamp } from './zegocloud.ts'

// The pages are shown as they are: there is nothing to choose.
command('screenshots', 'Takes the pictures of the dashboard in docs/ again.').parse()

const docs = join(import.meta.dirname, '../docs')

type Exhibition = Awaited<ReturnType<typeof openExhibition>>

const LOOKS: Record<string, BrowserContextOptions> = {
  '': { viewport: { width: 1200, height: 760 }, colorScheme: 'light' },
  '-dark': { viewport: { width: 1200, height: 760 }, colorScheme: 'dark' },
  '-phone': { viewport: { width: 390, height: 780 }, colorScheme: 'light', hasTouch: true, isMobile: true },
}

const BIG_TASK = '1500030200-procedurev2-afc1fe7dfe51cd88a5d588cacba53393tt0'

/** One of each kind that a gallery may show, the last one newest. */
async function fillGallery({ deliverSample, deliver, picturesAt, env }: Exhibition) {
  const { DB } = await env()
  for (const pictures of [4, 6, 3]) await deliverSample({ pictures })
  await shift(DB, 24)
  await insert(DB, 'failed', { task_id: '1500030200-procedurev2-77e02c1a9dtt0', vendor: 'tencent' })
  await shift(DB, 29)
  const relative = Array.from({ length: 5 }, (_, n) => ({ url: `289665200/${n}.jpg` }))
  await deliver({ ...callbackFor({ secret: SECRET, vendor: 'hw', task_id: '289665200' }), snapshot_pic_list: relative })
  await shift(DB, 8)
  await insert(DB, 'pending', { task_id: '289665201', vendor: 'hw' })
  await shift(DB, 1)
  await deliverSample({ task_id: '1253642700910365374', pictures: 14 })
  await shift(DB, 2)
  const big = callbackFor({ secret: SECRET, task_id: BIG_TASK, picturesAt })
  const offsets = [1000, 2500, 6000, 9500, 15_000, 15_800, 24_000, 31_000]
  const list = offsets.map((offset) => ({ url: `${picturesAt}/${BIG_TASK}/${offset}.svg`, offset }))
  list[5] = { url: 'http://127.0.0.1:9/gone.jpg', offset: 15_800 }
  await deliver({ ...big, snapshot_pic_list: list })
}

/** Everything so far came that many minutes earlier. */
async function shift(DB: D1Database, minutes: number) {
  await DB.prepare('UPDATE snapshots SET place = place - ?1')
    .bind(minutes * 60_000_000)
    .run()
}

async function insert(DB: D1Database, status: string, facts: { task_id: string; vendor: string }) {
  const time = new Date().toISOString()
  const error = { message: 'the source file does not exist' }
  const ends = status === 'failed' ? { error, received_at: time } : { registered_at: time }
  const record = JSON.stringify({ ...facts, status, appid: '12345', ...ends })
  await DB.prepare('INSERT INTO snapshots (place, task_id, status, record) VALUES (?1, ?2, ?3, ?4)')
    .bind(Date.now() * 1000, facts.task_id, status, record)
    .run()
}

async function fillQuarantine({ deliverSample }: Exhibition) {
  for (let n = 0; n < 12; n += 1) await deliverSample({ event: 'compose' })
  const old = Math.floor(Date.now() / 1000) - 9960
  await deliverSample({ vendor: 'hw', task_id: '289665203', stamped: stamp(SECRET, old) })
  await deliverSample({ task_id: '1253642700910365374', pictures: 2 })
}

async function photograph(browser: Browser, origin: string, name: string, act: Act) {
  for (const [look, options] of Object.entries(LOOKS)) {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    await page.goto(origin)
    await page.fill('#token', TOKEN)
    await page.keyboard.press('Enter')
    await page.waitForSelector('nav')
    await act(page)
    await page.waitForLoadState('networkidle')
    await page.waitForTimeout(SETTLED_MS)
    await page.screenshot({ path: join(docs, `${name}${look}.png`) })
    await context.close()
  }
}

type Act = (page: Awaited<ReturnType<Browser['newPage']>>) => Promise<unknown>

/** Pictures fade in. */
const SETTLED_MS = 400

const browser = await startBrowser()
if (typeof browser === 'string') {
  console.error(`screenshots: ${browser}`)
  process.exit(1)
}
const exhibition = await openExhibition()
const { origin } = exhibition
await fillGallery(exhibition)
await photograph(browser, origin, 'gallery', async () => undefined)
await photograph(browser, origin, 'task', (page) => page.goto(`${origin}/tasks/${BIG_TASK}`))
await photograph(browser, origin, 'health', async (page) => {
  await page.goto(`${origin}/health`)
  await page.getByRole('button', { name: 'Send a test callback' }).click()
  await page.waitForSelector('section')
})
await fillQuarantine(exhibition)
await photograph(browser, origin, 'quarantine', (page) => page.goto(`${origin}/quarantine`))
await browser.close()
await exhibition.close()
process.exit(0) // the local runtime may keep a timer
