import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startBrowser } from '../../tools/browser.ts'
import { openExhibition, SECRET, TOKEN } from '../../tools/exhibition.ts'
import { type Callback, callbackFor, stamp } from '../../tools/zegocloud/callback.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const started = await startBrowser()
if (typeof started === 'string') {
  if (process.env['CI'] === 'true') throw new Error(started)
  process.stderr.write(`The dashboard is not tested in a browser: ${started}\n`)
}
const browser = started as Browser

afterAll(async () => {
  if (typeof started !== 'string') await started.close()
})

type Exhibition = Awaited<ReturnType<typeof openExhibition>>

/** What a page asked for, and what it complained of. */
type Visit = { page: Page; requested: string[]; complaints: string[] }

async function visit(options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const [requested, complaints]: string[][] = [[], []]
  page.on('request', (request) => requested!.push(request.url()))
  page.on('console', (message) => message.type() === 'error' && complaints!.push(message.text()))
  page.on('pageerror', (error) => complaints!.push(String(error)))
  page.on('dialog', (dialog) => {
    complaints!.push(`a script ran: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return { page, requested: requested!, complaints: complaints! }
}

async function signIn(page: Page, origin: string, token = TOKEN) {
  await page.goto(origin)
  await page.getByLabel('API token').fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function signedIn(exhibition: Exhibition, options: BrowserContextOptions = {}): Promise<Visit> {
  const visiting = await visit(options)
  await signIn(visiting.page, exhibition.origin)
  await visiting.page.getByRole('button', { name: 'Sign out' }).waitFor()
  return visiting
}

/** A callback whose pictures are given. */
const withPictures = (task_id: string, snapshot_pic_list: Callback['snapshot_pic_list']) => ({
  ...callbackFor({ secret: SECRET, task_id }),
  snapshot_pic_list,
})

/** Every picture that is not hidden has been drawn. */
const drawn = (page: Page) =>
  page.waitForFunction(
    `document.images.length > 0 && [...document.images].every((image) => image.complete && image.naturalWidth > 0)`,
  )

/** What axe finds serious or worse. */
async function findings(page: Page): Promise<string[]> {
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

describe.skipIf(typeof started === 'string')('the dashboard in a browser', () => {
  let exhibition: Exhibition

  beforeAll(async () => {
    exhibition = await openExhibition()
  })

  beforeEach(async () => {
    await exhibition.clear()
  })

  afterAll(async () => {
    await exhibition.close()
  })

  test('signs in, stays in, and signs out', async () => {
    await exhibition.deliverSample({ task_id: 'seen-by-me' })
    const { page, complaints } = await visit()
    await signIn(page, exhibition.origin, 'wrong')
    await page.getByText('This is not the API token.').waitFor()
    expect(await page.content()).not.toContain('seen-by-me')
    expect(complaints.splice(0)).toEqual([expect.stringContaining('401')])
    await signIn(page, exhibition.origin)
    await page.getByText('seen-by-me').waitFor()
    await page.reload()
    await page.getByText('seen-by-me').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('API token').waitFor()
    expect(complaints).toEqual([])
    await page.goto(`${exhibition.origin}/tasks/seen-by-me`)
    expect(await page.title()).toContain('Sign in')
    await page.getByLabel('API token').fill(TOKEN)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'seen-by-me' }).waitFor()
    await page.context().close()
  })

  test('shows a gallery full of pictures, and asks nobody else for anything', async () => {
    for (let n = 0; n < 3; n += 1) await exhibition.deliverSample({ pictures: 8 })
    const { page, requested, complaints } = await signedIn(exhibition)
    expect(await page.locator('.tasks > li').count()).toBe(3)
    expect(await page.locator('.tasks img').count()).toBe(18)
    expect(await page.getByText('+2').count()).toBe(3)
    const { width, height } = (await page.locator('.tasks .frame').first().boundingBox())!
    expect(width / height).toBeCloseTo(16 / 9)
    await drawn(page)
    expect(complaints).toEqual([])
    const hosts = new Set(requested.map((url) => new URL(url).origin))
    expect([...hosts].toSorted()).toEqual([exhibition.origin, exhibition.picturesAt].toSorted())
    await page.context().close()
  })

  test('asks for pictures without a cookie, and without telling where they are shown', async () => {
    await exhibition.deliverSample({ pictures: 3 })
    const asked: IncomingHttpHeaders[] = []
    const note = ({ headers }: IncomingMessage) => asked.push(headers)
    exhibition.pictures.on('request', note)
    const { page } = await signedIn(exhibition)
    await drawn(page)
    exhibition.pictures.off('request', note)
    expect(asked.map(({ cookie, referer }) => ({ cookie, referer }))).toEqual(Array(3).fill({}))
    await page.context().close()
  })

  test('says which picture could not be loaded, in its place', async () => {
    const { picturesAt } = exhibition
    const list = [{ url: `${picturesAt}/fails/0.svg` }, { url: `${picturesAt}/gone.jpg` }, { url: 'a/2.jpg' }]
    await exhibition.deliver(withPictures('fails', list))
    const { page } = await signedIn(exhibition)
    for (const path of ['/', '/tasks/fails']) {
      await page.goto(exhibition.origin + path)
      await page.getByText('Could not be loaded').waitFor()
      const frames = page.locator('.frame')
      expect(await frames.nth(1).innerText()).toContain(new URL(picturesAt).host)
      expect(await frames.nth(2).innerText()).toBe('2.jpg')
      await drawn(page)
      const heights = await frames.evaluateAll((all) => all.map((frame) => Math.round(frame.clientHeight)))
      expect(new Set(heights).size).toBe(1)
    }
    await page.context().close()
  })

  test('turns its pages, and finds a task', async () => {
    for (let n = 0; n < 25; n += 1) await exhibition.deliverSample({ task_id: `task-${n}`, pictures: 1 })
    const { page } = await signedIn(exhibition)
    expect(await page.locator('.tasks > li').count()).toBe(20)
    await page.getByRole('link', { name: 'Older' }).click()
    await page.waitForURL(/below=/)
    expect(await page.locator('.tasks .id').allInnerTexts()).toEqual([4, 3, 2, 1, 0].map((n) => `task-${n}`))
    await page.getByRole('link', { name: 'Newer' }).click()
    await page.waitForURL(`${exhibition.origin}/`)
    await page.getByLabel('Find a task_id').fill('TASK-3')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'task-3' }).waitFor()
    await page.goBack()
    await page.getByText('Filter').click()
    await page.getByLabel('Status').selectOption('failed')
    await page.getByLabel('Since').fill('2026-01-01')
    await page.getByRole('button', { name: 'Show' }).click()
    await page.getByText('There are no failed tasks, received since 2026-01-01 (UTC).').waitFor()
    expect(page.url()).toContain('status=failed&vendor=&app=&since=2026-01-01')
    await page.getByRole('link', { name: 'Show all' }).click()
    await page.getByText('task-24').waitFor()
    await page.context().close()
  })

  test('shortens an id in its middle, and finds it by its beginning in any case, without JavaScript', async () => {
    for (const end of ['1tt0', '2tt0'])
      await exhibition.deliverSample({ task_id: `1500-Procedure-afc1fe7dfe51cd88a5d588ca${end}` })
    const { page } = await signedIn(exhibition, { javaScriptEnabled: false })
    const [beginning, end] = ['first', 'last'].map((which) => page.locator(`.tasks .id span:${which}-child`).first())
    expect(await end!.innerText()).toBe('d588ca2tt0')
    expect(await beginning!.evaluate((span) => span.scrollWidth > span.clientWidth)).toBe(true)
    const [row, shown] = await Promise.all([page.locator('.tasks .id').first(), end!].map((each) => each.boundingBox()))
    expect(shown!.x + shown!.width).toBeLessThanOrEqual(row!.x + row!.width + 1)
    await page.getByLabel('Find a task_id').fill('1500-PROCEDURE')
    await page.keyboard.press('Enter')
    await page.getByText('2 tasks of those that begin with 1500-PROCEDURE').waitFor()
    await page.context().close()
  })

  test('tells of what came since, and moves no row', async () => {
    await exhibition.deliverSample({ task_id: 'first', pictures: 1 })
    const { page } = await visit()
    await page.clock.install()
    await signIn(page, exhibition.origin)
    await page.getByText('first').waitFor()
    for (const task_id of ['second', 'third']) await exhibition.deliverSample({ task_id, pictures: 1 })
    await page.clock.fastForward(15_000)
    await page.getByRole('link', { name: '2 new' }).waitFor()
    expect(await page.locator('.tasks .id').allInnerTexts()).toEqual(['first'])
    await page.getByRole('link', { name: '2 new' }).click()
    await page.getByText('third').waitFor()
    await page.context().close()
  })

  test('has a large view for the keyboard alone', async () => {
    await exhibition.deliverSample({ task_id: 'large', pictures: 3 })
    const { page, complaints } = await signedIn(exhibition)
    await page.goto(`${exhibition.origin}/tasks/large`)
    await page.locator('a.frame').nth(1).focus()
    await page.keyboard.press('Enter')
    const view = page.getByRole('dialog')
    await view.waitFor()
    const place = () => view.locator('span').innerText()
    expect(await place()).toBe('2 of 3 · 0:02.5')
    expect(await view.locator('img').getAttribute('alt')).toBe('Screenshot 2 of 3 at 0:02.5')
    await page.keyboard.press('ArrowRight')
    expect(await place()).toBe('3 of 3 · 0:05.0')
    await page.keyboard.press('ArrowRight')
    expect(await place()).toBe('3 of 3 · 0:05.0')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    expect(await place()).toBe('1 of 3 · 0:00.0')
    expect(await view.getByRole('link').getAttribute('href')).toContain('/large/0.svg')
    await drawn(page)
    expect(await findings(page)).toEqual([])
    await page.keyboard.press('Escape')
    await view.waitFor({ state: 'hidden' })
    expect(await page.evaluate(`document.activeElement.dataset.index`)).toBe('1 of 3 · 0:00.0')
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('accepts what is in quarantine, and deletes what is not wanted', async () => {
    await exhibition.deliverSample({ task_id: 'old', stamped: stamp(SECRET, 1_700_000_000) })
    for (let n = 0; n < 3; n += 1) await exhibition.deliverSample({ event: 'compose' })
    const { page } = await signedIn(exhibition)
    await page.goto(`${exhibition.origin}/quarantine`)
    // What is too old is kept after its answer.
    await expect.poll(async () => (await page.reload()) && page.locator('.entries > li').count()).toBe(2)
    await page.getByRole('button', { name: 'Accept' }).click()
    await page.getByText('Accepted and stored.').waitFor()
    await page.getByText('Delete all', { exact: true }).click()
    await page.getByRole('button', { name: 'Delete all 3 for good' }).click()
    await page.getByRole('heading', { name: 'Nothing is in quarantine' }).waitFor()
    await page.getByText('Healthy').waitFor()
    await page.getByRole('link', { name: 'Gallery' }).click()
    await page.getByRole('link', { name: 'old' }).waitFor()
    await page.context().close()
  })

  test('filters the quarantine, and deletes all of one reason, without JavaScript', async () => {
    for (let n = 0; n < 3; n += 1) await exhibition.deliverSample({ event: 'compose', task_id: `other-${n}` })
    await exhibition.deliverSample({ task_id: 'old', stamped: stamp(SECRET, 1_700_000_000) })
    const { page } = await signedIn(exhibition, { javaScriptEnabled: false })
    await page.goto(`${exhibition.origin}/quarantine`)
    await page.getByLabel('Find a task_id').fill('old')
    await page.keyboard.press('Enter')
    await page.waitForURL(/task_id=old/)
    expect(await page.locator('.entries > li').count()).toBe(1)
    await page.getByRole('link', { name: 'unsupported_event 3' }).click()
    await page.getByText('Delete all of this reason').click()
    await page.getByRole('button', { name: 'Delete all 3 for good' }).last().click()
    await page.getByText('Deleted.').waitFor()
    await page.getByRole('link', { name: 'stale 1' }).waitFor()
    expect(await page.getByRole('link', { name: 'unsupported_event' }).count()).toBe(0)
    await page.context().close()
  })

  test('says in the empty gallery why callbacks are refused, and what was accepted after all', async () => {
    const wrong = callbackFor({ secret: 'wrong', task_id: 'refused' })
    expect(await exhibition.deliver(wrong)).toBe(401)
    const { page } = await signedIn(exhibition)
    await expect
      .poll(async () => (await page.reload()) && page.getByRole('heading').innerText())
      .toBe('Callbacks are refused')
    await page.getByText('npx wrangler secret put ZEGO_CALLBACK_SECRET').waitFor()
    const { DB } = await exhibition.env()
    await DB.prepare(
      `INSERT INTO state (name, value, changed_at) VALUES ('accepted_again:bad_signature', '{"callbacks":12,"results":4}', ?1)`,
    )
      .bind(Date.now())
      .run()
    await exhibition.deliverSample({ task_id: 'fixed' })
    await page.reload()
    await page.getByText('4 results of 12 kept callbacks were accepted').waitFor()
    await page.context().close()
  })

  test('compares a conflict, asks ZEGOCLOUD which is its own, and replaces what is stored', async () => {
    const urls = (...names: string[]) => names.map((name) => ({ url: `${exhibition.picturesAt}/twice/${name}.svg` }))
    await exhibition.deliver(withPictures('twice', urls('0', 'forged')))
    await exhibition.deliver(withPictures('twice', urls('0', '1')))
    const { page } = await signedIn(exhibition, { javaScriptEnabled: false })
    await page.goto(`${exhibition.origin}/quarantine`)
    await page.getByRole('link', { name: 'Compare' }).click()
    const cells = (name: string) => page.getByRole('row', { name: new RegExp(`^${name} `) }).getByRole('cell')
    expect(await page.locator('thead th').allInnerTexts()).toEqual(['This one', 'Stored for its task'])
    expect(await page.locator('.compare mark').allInnerTexts()).toEqual([
      ...Array(2).fill(expect.stringMatching(/^\d+$/)), // the source files
      `${exhibition.picturesAt}/twice/1.svg`,
      `${exhibition.picturesAt}/twice/forged.svg`,
    ])
    expect(await cells('2').allInnerTexts()).toEqual([
      expect.stringContaining('1.svg'),
      expect.stringContaining('forged.svg'),
    ])
    const [left, right] = await Promise.all([0, 1].map((n) => cells('2').nth(n).locator('img').boundingBox()))
    expect([left!.y, left!.width]).toEqual([right!.y, right!.width])
    exhibition.told.set(
      'twice',
      urls('0', '1').map(({ url }) => url),
    )
    await page.getByRole('button', { name: 'Ask ZEGOCLOUD which is its own' }).click()
    expect(await cells('ZEGOCLOUD').allInnerTexts()).toEqual([
      'ZEGOCLOUD confirms it.',
      'ZEGOCLOUD does not confirm it: it names 2 other pictures.',
    ])
    await page.getByText('Replace the stored result').click()
    await page.getByRole('button', { name: 'Store this one' }).click()
    await page.getByText('Accepted and stored.').waitFor()
    await page.getByRole('link', { name: 'replaced 1' }).waitFor()
    await page.getByRole('link', { name: 'Compare' }).click()
    await page.getByText('Keep the stored result').click()
    await page.getByRole('button', { name: 'Keep it, and delete this one for good' }).click()
    await page.getByRole('heading', { name: 'Nothing is in quarantine' }).waitFor()
    await page.context().close()
  })

  test('shows beside a reused signature the content that had it first, without JavaScript', async () => {
    const first = callbackFor({ secret: SECRET, task_id: 'genuine', picturesAt: exhibition.picturesAt })
    await exhibition.deliver(first)
    expect(await exhibition.deliver({ ...first, task_id: 'forged' })).toBe(409)
    const { page } = await signedIn(exhibition, { javaScriptEnabled: false })
    await expect
      .poll(async () => (await page.goto(`${exhibition.origin}/quarantine`)) && page.locator('.entries > li').count())
      .toBe(1)
    await page.getByRole('link', { name: 'Compare' }).click()
    expect(await page.locator('thead th').allInnerTexts()).toEqual(['This one', 'Stored with its signature'])
    expect(await page.locator('.compare mark').allInnerTexts()).toEqual(['forged', 'genuine'])
    await page.context().close()
  })

  test('sends a test callback, step by step, and leaves nothing behind', async () => {
    const { page } = await signedIn(exhibition)
    await page.getByRole('heading', { name: 'No callback yet' }).waitFor()
    await page.getByRole('button', { name: 'Send a test callback' }).click()
    await page.getByText('What was kept of it is deleted').waitFor()
    expect(await page.locator('section li').count()).toBe(7)
    expect(await page.locator('section .bad').count()).toBe(0)
    const { DB } = await exhibition.env()
    expect((await DB.prepare('SELECT id FROM quarantine').all()).results).toEqual([])
    await page.context().close()
  })

  test('copies an id, the URLs and the record, and sends a task again', async () => {
    await exhibition.deliverSample({ task_id: 'again', pictures: 2 })
    const { page } = await signedIn(exhibition, { permissions: ['clipboard-read', 'clipboard-write'] })
    await page.getByRole('link', { name: 'again' }).click()
    const copied = async (name: string) => {
      await page.getByRole('button', { name, exact: true }).click()
      await page.getByRole('button', { name: 'Copied' }).waitFor()
      await page.reload()
      return page.evaluate<string>(`navigator.clipboard.readText()`)
    }
    expect(await copied('Copy')).toBe('again')
    const urls = [0, 2500.5].map((at) => `${exhibition.picturesAt}/again/${at}.svg`)
    expect(
      (await copied('Copy URLs'))
        .trim()
        .split('\n')
        .map((url) => url.split('?')[0]),
    ).toEqual(urls)
    const before = await page.getByRole('button', { name: 'Send again' }).boundingBox()
    await page.getByText('Show JSON').click()
    expect(await page.locator('pre').innerText()).toContain('"task_id": "again"')
    expect(await page.getByRole('button', { name: 'Send again' }).boundingBox()).toEqual(before)
    await page.reload()
    await page.getByText('Show JSON').click()
    await page.getByRole('button', { name: 'Copy JSON' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(JSON.parse(await page.evaluate<string>(`navigator.clipboard.readText()`))).toMatchObject({
      task_id: 'again',
    })
    await page.getByRole('button', { name: 'Send again' }).click()
    await page.getByText('It is being sent again').waitFor()
    await page.context().close()
  })

  test('tells times in UTC and in the time zone of the reader', async () => {
    await exhibition.deliverSample({ task_id: 'when', pictures: 1 })
    const { page } = await signedIn(exhibition, { timezoneId: 'Asia/Kolkata', locale: 'en-GB' })
    const both = /\d\d \w+ \d{4}, \d\d:\d\d:\d\d (GMT\+5:30|IST).*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/
    expect(await page.locator('.tasks time').getAttribute('title')).toMatch(both)
    await page.getByRole('link', { name: 'when' }).click()
    expect(await page.locator('dd time').last().innerText()).toMatch(both)
    await page.context().close()
  })

  test('keeps a time line of many pictures readable, wide or narrow', async () => {
    const list = Array.from({ length: 120 }, (_, n) => ({
      url: `${exhibition.picturesAt}/line/${n}.svg`,
      offset: n * 2500,
    }))
    await exhibition.deliver(withPictures('line', list))
    for (const width of [1200, 390]) {
      const { page } = await signedIn(exhibition, { viewport: { width, height: 800 } })
      await page.goto(`${exhibition.origin}/tasks/line`)
      expect(await page.locator('.time text').allTextContents()).toEqual(['0:00', '1:00', '2:00', '3:00', '4:00'])
      const boxes = await page
        .locator('.time text')
        .evaluateAll((all) => all.map((each) => each.getBoundingClientRect()))
      for (const [n, { right }] of boxes.entries()) expect(right).toBeLessThan(boxes[n + 1]?.left ?? width)
      const marks = await page
        .locator('.mark')
        .evaluateAll((all) => all.map((each) => each.getBoundingClientRect().left))
      expect(new Set(marks).size).toBe(120)
      await page.context().close()
    }
  })

  test('asks ZEGOCLOUD to confirm a task, and deletes it once that was meant', async () => {
    await exhibition.deliverSample({ task_id: 'asked', pictures: 1 })
    const { page } = await signedIn(exhibition, { javaScriptEnabled: false })
    await page.goto(`${exhibition.origin}/tasks/asked`)
    await page.getByRole('button', { name: 'Ask ZEGOCLOUD to confirm' }).click()
    await page.getByText('ZEGOCLOUD does not confirm it: it names no picture of this task.').waitFor()
    exhibition.told.set('asked', ['https://other.test/1.jpg'])
    await page.getByRole('button', { name: 'Ask ZEGOCLOUD to confirm' }).click()
    await page.getByText('https://other.test/1.jpg').waitFor()
    const confirm = page.getByRole('button', { name: 'Delete it from D1 and KV for good' })
    expect(await confirm.isVisible()).toBe(false)
    await page.getByText('Delete', { exact: true }).click()
    await confirm.click()
    await page.getByText('Deleted.').waitFor()
    await page.getByRole('heading', { name: 'No callback yet' }).waitFor()
    await page.context().close()
  })

  test('works without JavaScript', async () => {
    for (let n = 0; n < 21; n += 1) await exhibition.deliverSample({ task_id: `task-${n}`, pictures: 2 })
    await exhibition.deliverSample({ event: 'compose' })
    const { page } = await signedIn(exhibition, { javaScriptEnabled: false })
    await page.getByRole('link', { name: 'Older' }).click()
    await page.getByRole('link', { name: 'task-0' }).click()
    expect(await page.locator('a.frame').first().getAttribute('href')).toContain('/task-0/0.svg')
    expect(await page.getByRole('button', { name: 'Copy' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Send again' }).click()
    await page.getByText('It is being sent again').waitFor()
    await page.goto(`${exhibition.origin}/quarantine`)
    await page.locator('summary.button').click()
    await page.getByRole('button', { name: 'Delete it for good' }).click()
    await page.getByText('Deleted.').waitFor()
    await page.context().close()
  })

  test('runs no script of a callback, whatever field it is in', async () => {
    const evil = `"'><script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>`
    const urls = [`javascript:alert(4)//${evil}`, `${exhibition.picturesAt}/x/0.svg?"onerror="alert(5)${evil}`, evil]
    const field = 64
    const all = {
      ...withPictures(
        evil,
        urls.map((url, n) => ({ url, offset: n * 1000, more: evil })),
      ),
      appid: evil.slice(0, field),
      vendor: evil.slice(0, field),
      field_id: evil,
      [evil]: evil,
    }
    expect(await exhibition.deliver(all)).toBe(200)
    for (const name of ['event', 'task_id', 'vendor', 'field_id', 'appid']) {
      const callback = { ...callbackFor({ secret: SECRET }), event: 'other', [name]: evil }
      expect(await exhibition.deliver(callback)).toBe(202)
    }
    expect(await exhibition.deliver({ ...all, ...stamp(SECRET), field_id: 'conflict' })).toBe(202)
    const { page, complaints, requested } = await signedIn(exhibition)
    const task = `/tasks/${encodeURIComponent(evil)}`
    for (const path of ['/', `/?task_id=${encodeURIComponent(`${evil}x`)}`, task, '/quarantine', '/health']) {
      await page.goto(exhibition.origin + path)
      await page.waitForLoadState('networkidle')
      expect(await page.locator('main script, main [onerror], main [onload], a[href^="javascript"]').count()).toBe(0)
    }
    await page.goto(`${exhibition.origin}/quarantine`)
    for (const summary of await page.locator('summary').all()) await summary.click()
    await page.getByRole('link', { name: 'Compare' }).click()
    await page.getByRole('columnheader', { name: 'Stored for its task' }).waitFor()
    expect(complaints.filter((text) => !/404|Failed to load resource/.test(text))).toEqual([])
    const hosts = new Set(requested.map((url) => new URL(url).origin))
    expect([...hosts].toSorted()).toEqual([exhibition.origin, exhibition.picturesAt].toSorted())
    await page.context().close()
  })

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    test('axe finds nothing serious on any page, wide or narrow', async () => {
      await exhibition.deliverSample({ task_id: 'many', pictures: 9 })
      await exhibition.deliverSample({ task_id: 'many', pictures: 1 })
      await exhibition.deliver(withPictures('mixed', [{ url: 'a/2.jpg' }, { url: `${exhibition.picturesAt}/gone` }]))
      await exhibition.deliverSample({ event: 'compose' })
      const { DB } = await exhibition.env()
      const { id } = (await DB.prepare("SELECT id FROM quarantine WHERE reason = 'conflict'").first<{ id: string }>())!
      const stranger = await visit({ colorScheme })
      await stranger.page.goto(exhibition.origin)
      expect(await findings(stranger.page), 'sign-in').toEqual([])
      await stranger.page.context().close()
      for (const width of [1200, 390]) {
        const { page } = await signedIn(exhibition, { colorScheme, viewport: { width, height: 800 } })
        const kept = `/quarantine/${encodeURIComponent(id)}`
        for (const path of [
          '/',
          '/?status=failed&vendor=hw',
          '/?task_id=x',
          '/tasks/many',
          '/tasks/mixed',
          '/tasks/x',
          '/quarantine?reason=unsupported_event',
          kept,
          '/health',
        ]) {
          await page.goto(exhibition.origin + path)
          await page.evaluate(`document.querySelectorAll('details').forEach((each) => (each.open = true))`)
          expect(await findings(page), path).toEqual([])
          const tooWide = await page.evaluate(`document.documentElement.scrollWidth > innerWidth`)
          expect(tooWide, `${path} at ${width}`).toBe(false)
        }
        await page.context().close()
      }
    })
  })
})

describe.skipIf(typeof started === 'string')('the set-up page in a browser', () => {
  test('says what to run, and nothing else', async () => {
    const exhibition = await openExhibition({ API_TOKEN: '' })
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, complaints } = await visit({ colorScheme })
      await page.goto(`${exhibition.origin}/quarantine`)
      await page.getByText('npx wrangler secret put API_TOKEN').waitFor()
      expect(await page.content()).not.toContain('path-token')
      expect(await findings(page)).toEqual([])
      expect(complaints).toEqual([])
      await page.context().close()
    }
    await exhibition.close()
  })
})
