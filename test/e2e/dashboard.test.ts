import { join } from 'node:path'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Callback, callbackFor, stamp } from '../../tools/zegocloud/callback.ts'
import { drawn, findings, openPage, signIn, startBrowser } from './browser.ts'
import { openReceiver, SECRET } from './receiver.ts'

const started = await startBrowser()
if (typeof started === 'string') {
  if (process.env['CI'] === 'true') throw new Error(started)
  process.stderr.write(`The dashboard is not tested in a browser: ${started}\n`)
}
const browser = started as Browser

afterAll(async () => {
  if (typeof started !== 'string') await started.close()
})

/** A callback whose pictures are given. */
const withPictures = (task_id: string, snapshot_pic_list: Callback['snapshot_pic_list']) => ({
  ...callbackFor({ secret: SECRET, task_id }),
  snapshot_pic_list,
})

const visit = (options?: BrowserContextOptions) => openPage(browser, options)

describe.skipIf(typeof started === 'string')('the dashboard in a browser', () => {
  let receiver: Awaited<ReturnType<typeof openReceiver>>

  beforeAll(async () => {
    receiver = await openReceiver()
  })

  beforeEach(async () => {
    await receiver.clear()
  })

  afterAll(async () => {
    await receiver.close()
  })

  async function signedIn(options: BrowserContextOptions = {}) {
    const visiting = await visit(options)
    await signIn(visiting.page, receiver.origin)
    await visiting.page.getByRole('button', { name: 'Sign out' }).waitFor()
    return visiting
  }

  test('signs in, stays in, and signs out', async () => {
    await receiver.deliverSample({ task_id: 'seen-by-me' })
    const { page, complaints } = await visit()
    await signIn(page, receiver.origin, 'wrong')
    await page.getByText('This is not the API token.').waitFor()
    expect(await page.content()).not.toContain('seen-by-me')
    expect(complaints.splice(0)).toEqual([expect.stringContaining('401')])
    await signIn(page, receiver.origin)
    await page.getByText('seen-by-me').waitFor()
    await drawn(page)
    await page.reload()
    await page.getByText('seen-by-me').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('API token').waitFor()
    expect(complaints).toEqual([])
    await page.goto(`${receiver.origin}/tasks/seen-by-me`)
    expect(await page.title()).toContain('Sign in')
    await page.context().close()
  })

  test('says which picture could not be loaded, in its place', async () => {
    const { picturesAt } = receiver
    const list = [{ url: `${picturesAt}/fails/0.svg` }, { url: `${picturesAt}/gone.jpg` }, { url: 'a/2.jpg' }]
    await receiver.deliver(withPictures('fails', list))
    const { page } = await signedIn()
    for (const path of ['/', '/tasks/fails']) {
      await page.goto(receiver.origin + path)
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

  test('tells of what came since, and moves no row', async () => {
    await receiver.deliverSample({ task_id: 'first', pictures: 1 })
    const { page } = await visit()
    await page.clock.install()
    await signIn(page, receiver.origin)
    await page.getByText('first').waitFor()
    for (const task_id of ['second', 'third']) await receiver.deliverSample({ task_id, pictures: 1 })
    await page.clock.fastForward(15_000)
    await page.getByRole('link', { name: '2 new' }).waitFor()
    expect(await page.locator('.tasks .id').allInnerTexts()).toEqual(['first'])
    await page.getByRole('link', { name: '2 new' }).click()
    await page.getByText('third').waitFor()
    await page.context().close()
  })

  test('has a large view for the keyboard alone', async () => {
    await receiver.deliverSample({ task_id: 'large', pictures: 3 })
    const { page, complaints } = await signedIn()
    await page.goto(`${receiver.origin}/tasks/large`)
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

  test('tells times in UTC and in the time zone of the reader', async () => {
    await receiver.deliverSample({ task_id: 'when', pictures: 1 })
    const { page } = await signedIn({ timezoneId: 'Asia/Kolkata', locale: 'en-GB' })
    const both = /\d\d \w+ \d{4}, \d\d:\d\d:\d\d (GMT\+5:30|IST).*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/
    expect(await page.locator('.tasks time').getAttribute('title')).toMatch(both)
    await page.getByRole('link', { name: 'when' }).click()
    expect(await page.locator('dd time').last().getAttribute('title')).toMatch(both)
    await page.context().close()
  })

  test('works without JavaScript', async () => {
    const urls = (...names: string[]) => names.map((name) => ({ url: `${receiver.picturesAt}/twice/${name}.svg` }))
    await receiver.deliver(withPictures('twice', urls('0', 'forged')))
    await receiver.deliver(withPictures('twice', urls('0', '1')))
    for (let n = 0; n < 20; n += 1) await receiver.deliverSample({ task_id: `task-${n}`, pictures: 2 })
    const { page } = await signedIn({ javaScriptEnabled: false })
    await page.getByRole('link', { name: 'Older' }).click()
    await page.getByRole('link', { name: 'twice' }).click()
    expect(await page.locator('a.frame').first().getAttribute('href')).toContain('/twice/0.svg')
    await page.getByRole('button', { name: 'Send again' }).click()
    await page.getByText('It is being sent again').waitFor()
    await page.getByRole('link', { name: 'Show them' }).click()
    await page.getByRole('link', { name: 'Compare' }).click()
    const cells = (name: string) => page.getByRole('row', { name: new RegExp(`^${name} `) }).getByRole('cell')
    const [left, right] = await Promise.all([0, 1].map((n) => cells('2').nth(n).locator('img').boundingBox()))
    expect([left!.y, left!.width]).toEqual([right!.y, right!.width])
    const store = page.getByRole('button', { name: 'Store this one' })
    expect(await store.isVisible()).toBe(false)
    await page.getByText('Replace the stored result').click()
    await store.click()
    await page.getByText('Accepted and stored.').waitFor()
    await page.getByText('Delete', { exact: true }).click()
    await page.getByRole('button', { name: 'Delete it for good' }).click()
    await page.getByRole('heading', { name: 'Nothing is in quarantine' }).waitFor()
    await page.context().close()
  })

  test('runs no script of a callback, whatever field it is in', async () => {
    const evil = `"'><script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>`
    const urls = [`javascript:alert(4)//${evil}`, `${receiver.picturesAt}/x/0.svg?"onerror="alert(5)${evil}`, evil]
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
    expect(await receiver.deliver(all)).toBe(200)
    for (const name of ['event', 'task_id', 'vendor', 'field_id', 'appid']) {
      const callback = { ...callbackFor({ secret: SECRET }), event: 'other', [name]: evil }
      expect(await receiver.deliver(callback)).toBe(202)
    }
    expect(await receiver.deliver({ ...all, ...stamp(SECRET), field_id: 'conflict' })).toBe(202)
    const { page, complaints, requested } = await signedIn()
    const task = `/tasks/${encodeURIComponent(evil)}`
    for (const path of ['/', `/?task_id=${encodeURIComponent(`${evil}x`)}`, task, '/quarantine', '/health']) {
      await page.goto(receiver.origin + path)
      await page.waitForLoadState('networkidle')
      expect(await page.locator('main script, main [onerror], main [onload], a[href^="javascript"]').count()).toBe(0)
    }
    await page.goto(`${receiver.origin}/quarantine`)
    await page.getByRole('link', { name: 'Compare' }).click()
    await page.getByRole('columnheader', { name: 'Stored for its task' }).waitFor()
    expect(complaints.filter((text) => !/404|Failed to load resource/.test(text))).toEqual([])
    const hosts = new Set(requested.map((url) => new URL(url).origin))
    expect([...hosts].toSorted()).toEqual([receiver.origin, receiver.picturesAt].toSorted())
    await page.context().close()
  })

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    test('axe finds nothing serious on any page, wide or narrow', async () => {
      await receiver.deliverSample({ task_id: 'many', pictures: 9 })
      await receiver.deliverSample({ task_id: 'many', pictures: 1 })
      await receiver.deliver(withPictures('mixed', [{ url: 'a/2.jpg' }, { url: `${receiver.picturesAt}/gone` }]))
      await receiver.deliverSample({ event: 'compose' })
      const { DB } = await receiver.env()
      const { id } = (await DB.prepare("SELECT id FROM quarantine WHERE reason = 'conflict'").first<{ id: string }>())!
      const stranger = await visit({ colorScheme })
      await stranger.page.goto(receiver.origin)
      expect(await findings(stranger.page), 'sign-in').toEqual([])
      await stranger.page.context().close()
      for (const width of [1200, 390]) {
        const { page } = await signedIn({ colorScheme, viewport: { width, height: 800 } })
        const kept = `/quarantine/${encodeURIComponent(id)}`
        for (const path of [
          '/',
          '/?status=failed',
          '/?task_id=x',
          '/tasks/many',
          '/tasks/mixed',
          '/tasks/x',
          '/quarantine?reason=unsupported_event',
          kept,
          '/health',
        ]) {
          await page.goto(receiver.origin + path)
          await page.evaluate(`document.querySelectorAll('details').forEach((each) => (each.open = true))`)
          expect(await findings(page), path).toEqual([])
          const tooWide = await page.evaluate(`document.documentElement.scrollWidth > innerWidth`)
          expect(tooWide, `${path} at ${width}`).toBe(false)
        }
        await page.context().close()
      }
    })
  })

  /** `PICTURES=1 npx vitest run --project node test/e2e/dashboard.test.ts` makes docs/gallery.png again. */
  test.runIf(process.env['PICTURES'])('takes the picture that the README shows', async () => {
    for (const pictures of [4, 6, 14]) await receiver.deliverSample({ pictures })
    await receiver.deliver(withPictures('289665200', [{ url: '289665200/0.jpg' }, { url: '289665200/1.jpg' }]))
    await receiver.deliverSample({ task_id: '1500030200-procedurev2-afc1fe7dfe51cd88a5d588cacba53393tt0', pictures: 8 })
    const { page } = await signedIn({ viewport: { width: 1200, height: 760 }, reducedMotion: 'reduce' })
    await drawn(page)
    await page.screenshot({ path: join(import.meta.dirname, '../../docs/gallery.png') })
    await page.context().close()
  })
})
