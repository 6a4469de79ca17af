import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { prepare } from '../../tools/doctor/context.ts'
import { askHidden, gather, GivenError, readCommandLine, targetOf } from '../../tools/doctor/given.ts'
import { format } from '../../tools/doctor/result.ts'

const SECRET = 'a-secret-of-this-test'
const TOKEN = 'a-token-of-this-test'
const program = join(import.meta.dirname, '../../tools/doctor.ts')
const OURS = ['ZEGO_CALLBACK_SECRET', 'API_TOKEN', 'CALLBACK_PATH_TOKEN', 'ZEGO_SERVER_SECRET']

/** Runs it without a terminal, where no .dev.vars and no variable of the developer's is read. */
async function doctor(args: string[], { env = {}, devVars = '' } = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  if (devVars) writeFileSync(join(cwd, '.dev.vars'), devVars)
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.includes(name)))
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...node, program, ...args], {
    cwd,
    env: { ...clean, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  expect(out + err).not.toContain(SECRET)
  expect(out + err).not.toContain(TOKEN)
  return { status: status as number, out, err }
}

const NOBODY = { readLocal: () => ({}), ask: undefined }

/** What it says about a wrong call, where there is no terminal. */
const complaintAbout = async (args: string[], env = {}) => prepare(readCommandLine(args), { ...NOBODY, env })

test('says in one line what is wrong with a call', async () => {
  expect(await doctor(['https://example.com', '--secret', SECRET])).toEqual({
    status: 2,
    out: '',
    err: expect.stringMatching(/^doctor: type the URL, .*\n$/),
  })
})

test.each([
  [[], 'type the URL'],
  [['example.com'], 'the URL must begin with https://'],
  [['ftp://example.com'], 'the URL must begin with https://'],
  [['https://me:pass@example.com'], 'the URL must not contain a user name'],
  [['https://example.com/callback'], 'callbacks are accepted at /zego/callback and below it'],
  [['https://example.com', TOKEN], 'type the URL'],
  [['https://example.com', '--secret', SECRET], 'type the URL'],
  [['https://example.com', `--api-token=${TOKEN}`], 'type the URL'],
  [[`ZEGO_CALLBACK_SECRET=${SECRET}`, 'https://example.com'], 'type the URL'],
  [['https://example.com', '--colour'], 'type the URL'],
  [['https://example.com', `--colour=${SECRET}`], 'type the URL'],
  [['https://example.com', '--appid'], 'type the URL'],
  [
    ['https://example.com'],
    'ZEGO_CALLBACK_SECRET cannot be used: it is not set; set it in the environment, or run this',
  ],
])('refuses %j, and repeats no secret', async (args, complaint) => {
  const error: unknown = await complaintAbout(args).catch((thrown: unknown) => thrown)
  expect(String(error)).toContain(complaint)
  for (const secret of [SECRET, TOKEN, 'pass@']) expect(String(error)).not.toContain(secret)
})

test.each([
  [
    { ZEGO_CALLBACK_SECRET: `["${SECRET}"` },
    'ZEGO_CALLBACK_SECRET cannot be used: it begins like JSON but is not valid JSON',
  ],
  [{ ZEGO_CALLBACK_SECRET: `{"1":"${SECRET}"}` }, 'ZEGO_CALLBACK_SECRET holds no secret for the app 2'],
  [{ ZEGO_CALLBACK_SECRET: SECRET, API_TOKEN: '[]' }, 'API_TOKEN cannot be used: its list is empty'],
])('refuses a setting that cannot be read: %j', async (env, complaint) => {
  await expect(complaintAbout(['https://example.com', '--appid', '2'], env)).rejects.toThrow(new GivenError(complaint))
})

test('helps', async () => {
  const { status, out } = await doctor(['--help'])
  expect(status).toBe(0)
  for (const name of [...OURS, '--appid']) expect(out).toContain(name)
})

test('takes what it is not given from .dev.vars, for this machine only', async () => {
  const server = createServer((_request, response) => response.writeHead(404).end('{"code":"not_found"}'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const devVars = `ZEGO_CALLBACK_SECRET='${SECRET}'\nCALLBACK_PATH_TOKEN='${TOKEN}'\n`
  const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { status, out } = await doctor([local], { devVars, env: { API_TOKEN: TOKEN } })
  expect(status).toBe(1)
  expect(out).toContain(`${local}/zego/callback/…, app 12345\n`)
  expect(out).toMatch(/ {2}WRONG {2}Callback URL +404 not_found: the path token is not the Worker's\.\n +→ /)
})

test('finds the URL among the options', () => {
  expect(readCommandLine(['--appid', '77', 'https://x.test'])).toEqual({ url: 'https://x.test', appid: '77' })
  expect(readCommandLine(['https://x.test', '--appid=77'])).toEqual({ url: 'https://x.test', appid: '77' })
})

test.each([
  ['https://x.test', undefined, '', ''],
  ['https://x.test/', TOKEN, `/${TOKEN}`, '/…'],
  ['https://x.test/zego/callback', undefined, '', ''],
  ['https://x.test/zego/callback/', TOKEN, `/${TOKEN}`, '/…'],
  [`https://x.test/zego/callback/${TOKEN}/`, 'another', `/${TOKEN}`, '/…'],
  ['https://x.test', 'a/b c', '/a%2Fb%20c', '/…'],
])('reads the URL %s with the path token %s', (given, pathToken, path, shown) => {
  expect(targetOf(given, pathToken)).toMatchObject({
    callbackUrl: `https://x.test/zego/callback${path}`,
    shown: `https://x.test/zego/callback${shown}`,
    origin: 'https://x.test',
    isLocal: false,
  })
})

test.each(['http://127.0.0.1:8787', 'http://localhost:1', 'http://[::1]:2/zego/callback'])('%s is local', (url) => {
  expect(targetOf(url).isLocal).toBe(true)
})

test('reads secrets as the Worker does: a text, a list, an object by appid', async () => {
  const give = (value: string, more = {}, appid?: string) =>
    prepare({ url: 'https://x.test', appid }, { ...NOBODY, env: { ZEGO_CALLBACK_SECRET: value, ...more } })
  expect(await give(' plain\n')).toMatchObject({ appid: '12345', secret: 'plain', otherSecrets: [] })
  const list = await give('["new", "old"]', { API_TOKEN: '["first","second"]', ZEGO_SERVER_SECRET: '{"9":"s"}' })
  expect(list).toMatchObject({ appid: '9', secret: 'new', otherSecrets: ['old'], given: { apiToken: 'first' } })
  const apps = '{"1":"one","2":["new","old"]}'
  expect(await give(apps)).toMatchObject({ appid: '1', secret: 'one' })
  const second = await give(apps, { ZEGO_SERVER_SECRET: 'plain' }, '2')
  expect(second).toMatchObject({ appid: '2', secret: 'new', otherSecrets: ['old'] })
  expect(second.serverSecrets).toEqual(['plain'])
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
  ['wrong\u0015abc\r', 'abc'],
  ['bc\u001B[D\u001B[Da\r', 'abc'],
  ['\r', ''],
  ['abc\u001B[A\r', 'abc'],
])('a secret is typed, and not shown: %j', async (keys, typed) => {
  const { type, answer, modes, shown } = terminal()
  type(keys)
  expect(await answer).toBe(typed)
  expect(shown()).toBe('Secret: \n')
  expect(modes).toEqual([true, false])
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
