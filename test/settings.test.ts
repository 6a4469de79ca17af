import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { readSettings } from '../src/settings.ts'
import { signedCallback } from './callbacks.ts'
import { visitor } from './dashboard/visitor.ts'
import { request } from './worker.ts'

const read = (given: Record<string, unknown>) => readSettings({ ...env, ...given })

describe('a path token', () => {
  it.each(['end/', '/', 'a/b', 'back\\slash', '.', '..', '%2e%2E', ' ../ ', '["good","bad/"]', '["."]'])(
    'is refused that no URL can hold as one part: %j',
    async (token) => {
      expect(read({ CALLBACK_PATH_TOKEN: token }).pathTokens).toMatchObject({ setting: 'CALLBACK_PATH_TOKEN' })
    },
  )

  it.each(['...', '.hidden', 'a b', 'ü', '100%', 'a?b', 'a#b', '%41'])(
    'is taken at the URL that has it percent-encoded: %j',
    async (token) => {
      const url = `https://receiver.test/zego/callback/${encodeURIComponent(token)}`
      const init = { method: 'POST', body: JSON.stringify(signedCallback()) }
      expect((await request(url, init, { CALLBACK_PATH_TOKEN: token })).status).toBe(200)
    },
  )
})

describe('an API token with spaces', () => {
  const token = 'a long  random text'
  const settings = { API_TOKEN: `  ${token}\n`, READ_TOKEN: '["another text","one more","a third"]' }

  it.each([token, 'another text', 'one more', 'a third'])('opens the API: %j', async (given) => {
    const headers = { authorization: `Bearer ${given}` }
    expect((await request('https://receiver.test/v1/status', { headers }, settings)).status).toBe(200)
  })

  it.each(['a', 'a long', 'a long random text', 'another'])('is not opened by a part of it: %j', async (given) => {
    const headers = { authorization: `Bearer ${given}` }
    expect((await request('https://receiver.test/v1/status', { headers }, settings)).status).toBe(401)
    expect((await visitor(settings).signIn(given)).status).toBe(401)
  })
})

it('white space around a setting counts for nothing, before JSON and numbers too', () => {
  const given = { ZEGO_CALLBACK_SECRET: ' {"1":" a "}\n', RETENTION_DAYS: ' 7 ', PLAN: 'paid\n' }
  const { secrets, retentionDays, plan } = read(given)
  expect([secrets, retentionDays, plan]).toEqual([{ everyApp: [], byApp: new Map([['1', ['a']]]) }, 7, 'paid'])
})

/** A script that finds no value writes these words, and anyone could sign with them. */
describe.each(['null', 'undefined', ' null\n', '["null"]', '["good","undefined"]'])('the text %j', (text) => {
  it.each([
    ['ZEGO_CALLBACK_SECRET', 'secrets'],
    ['API_TOKEN', 'apiTokens'],
    ['READ_TOKEN', 'readTokens'],
    ['CALLBACK_PATH_TOKEN', 'pathTokens'],
  ] as const)('is no %s', (name, setting) => {
    expect(read({ [name]: text })[setting]).toMatchObject({ setting: name })
  })

  it('is no secret of an app', () => {
    const ofApp = `{"1":${text.startsWith('[') ? text : JSON.stringify(text)}}`
    expect(read({ ZEGO_CALLBACK_SECRET: ofApp }).secrets).toMatchObject({ setting: 'ZEGO_CALLBACK_SECRET' })
    expect(read({ ZEGO_SERVER_SECRET: ofApp }).serverSecrets).toMatchObject({ setting: 'ZEGO_SERVER_SECRET' })
  })
})

describe('a setting that cannot be read', () => {
  it.each([
    ['ZEGO_CALLBACK_SECRET', 'secrets', '["a"', 'it begins like JSON but is not valid JSON'],
    ['ZEGO_CALLBACK_SECRET', 'secrets', '{}', 'it has no app'],
    ['ZEGO_CALLBACK_SECRET', 'secrets', '{" ":"a"}', 'it has an empty appid'],
    ['ZEGO_CALLBACK_SECRET', 'secrets', '[]', 'its list is empty'],
    ['ZEGO_SERVER_SECRET', 'serverSecrets', 'a', 'it is not a JSON object from appid to ServerSecret'],
    ['ZEGO_SERVER_SECRET', 'serverSecrets', '{"1":["a"]}', 'an entry in it is not a string'],
    ['ZEGO_SERVER_SECRET', 'serverSecrets', '{"1":" "}', 'it is empty or has an empty entry'],
    ['SIGNATURE_TOLERANCE_SECONDS', 'toleranceSeconds', '10m', 'it is not a whole number'],
    ['RETENTION_DAYS', 'retentionDays', '36501', 'it is greater than 36500'],
    ['PLAN', 'plan', 'Paid', 'it must be free or paid'],
    ['ALERT_URL', 'alertUrl', 'ftp://a.test', 'it is not an http or https URL'],
  ] as const)('is a fault that names %s and says why, not its value: %s %s', (name, setting, given, why) => {
    expect(read({ [name]: given })[setting]).toEqual({ setting: name, why })
  })
})
