import { describe, expect, it } from 'vitest'
import { shownPicture } from '../../src/dashboard/pictures.tsx'
import { ago, duration, minutes, plural, vendorName } from '../../src/dashboard/format.ts'

describe('words', () => {
  it.each([
    [0, '0 s'],
    [12_400, '12 s'],
    [119_000, '1 min'],
    [9_960_000, '2 h 46 min'],
    [7_200_000, '2 h'],
    [200_000_000, '2 d 7 h'],
  ])('say that %d ms are %s', (ms, words) => {
    expect(duration(ms)).toBe(words)
  })

  it.each([
    [-5000, 'just now'],
    [999, 'just now'],
    [1000, '1 s ago'],
    [59_400, '59 s ago'],
    [3_700_000, '1 h ago'],
    [90_000_000, '1 d ago'],
  ])('say that %d ms before now is %s', (ms, words) => {
    expect(ago(1_700_000_000_000 - ms, 1_700_000_000_000)).toBe(words)
  })

  it.each([
    [0, '0:00.0'],
    [6000, '0:06.0'],
    [59_960, '1:00.0'],
    [61_250, '1:01.3'],
    [-1500, '-0:01.5'],
    [3_600_000, '60:00.0'],
    [1e300, '1e+300 ms'],
  ])('say where %d ms are in a video: %s', (ms, words) => {
    expect(minutes(ms)).toBe(words)
  })

  it('count, and name vendors', () => {
    expect([plural(1, 'picture'), plural(0, 'picture'), plural(1200, 'picture')]).toEqual([
      '1 picture',
      '0 pictures',
      '1,200 pictures',
    ])
    expect(['tencent', 'hw', 'constructor'].map(vendorName)).toEqual(['Tencent Cloud', 'Huawei Cloud', 'constructor'])
  })
})

describe('a picture', () => {
  it.each(['http://abc.com/1.jpg?a=%2B', 'https://abc.com/1.jpg', 'HTTP://abc.com/'])(
    'with a host is shown: %s',
    (url) => {
      const plain = shownPicture(url, 'http://receiver.test/')
      const secure = shownPicture(url, 'https://receiver.test/')
      expect(plain).toMatchObject({ host: 'abc.com', source: new URL(url).href })
      expect(secure).toMatchObject({
        original: new URL(url).href,
        source: new URL(url).href.replace(/^http:/, 'https:'),
      })
    },
  )

  it.each([
    ['289665200/0.jpg?x=1', '0.jpg'],
    ['/a/b/', 'b'],
    ['//evil.test/1.jpg', '1.jpg'],
    ['javascript:alert(1)', 'javascript:alert(1)'],
    ['\u0001javascript:alert(1)', '\u0001javascript:alert(1)'],
    ['data:image/svg+xml,<svg/>', 'data:image/svg+xml,<svg/>'],
    ['', 'No picture'],
  ])('without one is its name: %j', (url, name) => {
    for (const page of ['http://receiver.test/', 'https://receiver.test/'])
      expect(shownPicture(url, page)).toEqual({ name })
  })
})

const INNER = [
  ['http://127.0.0.1:8787/1.jpg', 'http://0x7f.1/1.jpg', 'https://10.0.0.1/1.jpg', 'http://172.16.0.1/'],
  ['http://192.168.1.1./', 'http://169.254.169.254/latest', 'http://[::1]/1.jpg', 'http://[::ffff:10.0.0.1]/1.jpg'],
  ['http://[fd00::1]/1.jpg', 'http://localhost/1.jpg', 'http://printer/1.jpg', 'https://router.local/1.jpg'],
].flat()

const OUTER = ['http://172.32.0.1/', 'http://11.0.0.1/', 'https://localhost.test/', 'http://[2001:db8::1]/']

describe('a picture on an inner address', () => {
  it.each(INNER)('is no picture on a page from elsewhere: %s', (url) => {
    for (const page of ['http://receiver.test/', 'https://receiver.test/']) {
      expect(shownPicture(url, page)).toEqual({ name: new URL(url).host })
    }
    expect(shownPicture(url, 'http://127.0.0.1:8787/')).toHaveProperty('source')
  })

  it.each(OUTER)('is another one than %s', (url) => {
    expect(shownPicture(url, 'http://receiver.test/')).toHaveProperty('source')
  })
})
