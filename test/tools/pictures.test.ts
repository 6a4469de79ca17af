import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { picture, pictureServer } from '../../tools/pictures.ts'
import { callbackFor } from '../../tools/zegocloud.ts'

test('draws the same picture for the same task and offset, and another one for any other', () => {
  expect(picture('a', 1000)).toBe(picture('a', 1000))
  expect(picture('a', 1000)).not.toBe(picture('b', 1000))
  expect(picture('a', 1000)).not.toBe(picture('a', 3500.5))
  expect(picture('a', 0)).toMatch(/^<svg [^>]*viewBox="0 0 640 360"/)
})

test('serves each picture of a sample callback, and says where they are', async () => {
  const server = pictureServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const picturesAt = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const vendor of ['tencent', 'hw'] as const) {
    for (const { url } of callbackFor({ secret: 'secret', vendor, picturesAt }).snapshot_pic_list) {
      const response = await fetch(url)
      expect(response.headers.get('content-type')).toBe('image/svg+xml')
      expect(await response.text()).toContain('</svg>')
    }
  }
  expect((await fetch(picturesAt)).status).toBe(404)
})
