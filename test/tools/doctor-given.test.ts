import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { prepare } from '../../tools/doctor/context.ts'
import { askHidden, gather, GivenError, readCommandLine, targetOf } from '../../tools/doctor/given.ts'
import { format } from '../../tools/doctor/result.ts'

const SECRET = 'a-secret-of-this-test'
const TOKEN = 'a-token-of-this-test'

const NOBODY = { local: {}, ask: undefined }

/** What it says about a wrong call, where there is no terminal. */
const complaintAbout = async (args: string[], env = {}) => prepare(readCommandLine(args), { ...NOBODY, env })

test.each([
  [[], 'type the URL'],
  [['example.com'], 'the URL must begin with https://'],
  [['https://me:pass@example.com'], 'the URL must not contain a user name'],
  [['https://example.com/callback'], 'callbacks are accepted at /zego/callback and below it'],
  [['https://example.com', TOKEN], 'type the URL'],
  [['https://example.com', '--secret', SECRET], 'type the URL'],
  [[`ZEGO_CALLBACK_SECRET=${SECRET}`, 'https://example.com'], 'type the URL'],
  [['https://example.com', '--appid'], 'type the URL'],
  [['https://example.com'], 'ZEGO_CALLBACK_SECRET cannot be used: it is not set'],
])('refuses %j, and repeats no secret', async (args, complaint) => {
  const error: unknown = await complaintAbout(args).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(GivenError)
  expect(String(error)).toContain(complaint)
  for (const secret of [SECRET, TOKEN, 'pass@']) expect(String(error)).not.toContain(secret)
})

test.each([
  [{ ZEGO_CALLBACK_SECRET: `["${SECRET}"` }, 'ZEGO_CALLBACK_SECRET cannot be used: it begins like JSON but is not'],
  [{ ZEGO_CALLBACK_SECRET: `{"1":"${SECRET}"}` }, 'ZEGO_CALLBACK_SECRET holds no secret for the app 2'],
  [{ ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN: '[]' }, 'API_TOKEN cannot be used: its list is empty'],
])('refuses a setting that cannot be read: %j', async (env, complaint) => {
  await expect(complaintAbout(['https://example.com', '--appid', '2'], env)).rejects.toThrow(complaint)
})

test('takes what it is not given from the files of `npm start`, for this machine only', async () => {
  const sources = { env: {}, local: { ZEGO_CALLBACK_SECRET: SECRET }, ask: undefined }
  for (const url of ['http://127.0.0.1:8787', 'http://localhost:1', 'http://[::1]:2/zego/callback']) {
    expect((await prepare({ url }, sources)).secret).toBe(SECRET)
  }
  await expect(prepare({ url: 'https://x.test' }, sources)).rejects.toThrow('it is not set')
})

test.each([
  ['https://x.test', undefined, '', ''],
  ['https://x.test/zego/callback/', TOKEN, `/${TOKEN}`, '/…'],
  [`https://x.test/zego/callback/${TOKEN}/`, 'another', `/${TOKEN}`, '/…'],
  ['https://x.test', 'a/b c', '/a%2Fb%20c', '/…'],
])('reads the URL %s with the path token %s', (given, pathToken, path, shown) => {
  expect(targetOf(given, pathToken)).toMatchObject({
    callbackUrl: `https://x.test/zego/callback${path}`,
    shown: `https://x.test/zego/callback${shown}`,
    origin: 'https://x.test',
  })
})

test('reads secrets as the Worker does: a text, a list, an object by appid', async () => {
  const give = (value: string, more = {}, appid?: string) =>
    prepare({ url: 'https://x.test', appid }, { ...NOBODY, env: { ZEGO_CALLBACK_SECRET: value, ...more } })
  expect(await give(' plain\n')).toMatchObject({ appid: '12345', secret: 'plain' })
  const list = await give('["new", "old"]', { API_TOKEN: '["first","second"]', ZEGO_SERVER_SECRET: '{"9":"s"}' })
  expect(list).toMatchObject({ appid: '9', secret: 'new', serverSecrets: ['s'], given: { apiToken: 'first' } })
  const apps = '{"1":"one","2":["new","old"]}'
  expect(await give(apps)).toMatchObject({ appid: '1', secret: 'one' })
  expect(await give(apps, {}, '2')).toMatchObject({ appid: '2', secret: 'new' })
})

test('asks for what it is not given, and takes an empty answer for none', async () => {
  const asked: string[] = []
  const ask = async (question: string) => {
    asked.push(question)
    return question.startsWith('CallbackSecret') ? SECRET : ''
  }
  const given = await gather({ env: { ZEGO_CALLBACK_SECRET: ' ' }, local: {}, ask })
  expect(asked.map((question) => question.split(/[ ,]/)[0])).toEqual(['CallbackSecret', 'API', 'Path', 'ServerSecret'])
  expect(given).toMatchObject({ apiToken: undefined, pathToken: undefined, secrets: { everyApp: [SECRET] } })
})

/** A terminal that keeps what is shown, and whether it was raw. */
function terminal() {
  const modes: boolean[] = []
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (raw: boolean) => modes.push(raw) })
  const output = new PassThrough({ encoding: 'utf8' })
  const answer = askHidden('Secret: ', input, output)
  return { type: (keys: string) => input.write(keys), answer, modes, shown: () => String(output.read()) }
}

test.each([
  ['abc\r', 'abc'],
  ['abx\u007Fc\n', 'abc'],
])('a secret is typed, and not shown: %j', async (keys, typed) => {
  const { type, answer, modes, shown } = terminal()
  type(keys)
  expect(await answer).toBe(typed)
  expect([shown(), modes]).toEqual(['Secret: \n', [true, false]])
})

test('Ctrl-C ends the question, and leaves the terminal as it was', async () => {
  const { type, answer, modes, shown } = terminal()
  type('ab\u0003')
  await expect(answer).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
  expect([shown(), modes]).toEqual(['Secret: \n', [true, false]])
})

test('a result is a line, its remedy below it, and its command whole', () => {
  const result = { verdict: 'wrong', evidence: 'It is so.', remedy: 'Do this:', command: 'npx do this' } as const
  const indent = ' '.repeat(26)
  expect(format('Signed', result)).toBe(
    `  WRONG  Signed           It is so.\n${indent}→ Do this:\n${indent}npx do this`,
  )
})
