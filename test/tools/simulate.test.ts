import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { sign, type Callback } from '../../tools/zegocloud/callback.ts'

const SECRET = 'a-secret-of-this-test'
const simulator = join(import.meta.dirname, '../../tools/simulate.ts')

/** Runs it in an empty directory, where no .dev.vars of the developer's is read. */
async function simulate(args: string[], devVars = `ZEGO_CALLBACK_SECRET='${SECRET}'`) {
  const cwd = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  writeFileSync(join(cwd, '.dev.vars'), devVars)
  const { ZEGO_CALLBACK_SECRET: _secret, ...env } = process.env
  const node = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...node, simulator, ...args], { cwd, env })
  const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  expect(out + err).not.toContain(SECRET)
  return { status: status as number, out, err }
}

type Reply = { status: number; json?: unknown }

/** A receiver that reads JSON alone. */
async function receiver(answer: (callback: Callback, count: number) => Reply) {
  const received: Callback[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const callback = JSON.parse(body) as Callback
      received.push(callback)
      const { status, json } = answer(callback, received.length)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json ?? {}))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/zego/callback`, received }
}

const stored = { status: 200, json: { status: 'stored' } }
const quick = ['--encoding', 'json', '--rate', '500', '--time-scale', '0.001']

test('refuses a secret that cannot be read, in one line', async () => {
  const { status, out, err } = await simulate(['--secret', '{}'])
  expect({ status, out, err }).toEqual({ status: 2, out: '', err: 'simulate: ZEGO_CALLBACK_SECRET cannot be read\n' })
})

test('says at the first failure what happened, and at the end what to do', async () => {
  const { status, out } = await simulate([...quick, '--url', 'http://127.0.0.1:9/zego/callback', '--count', '1'])
  expect(status).toBe(1)
  expect(out).toMatch(/^A first attempt failed: no answer \(.*\)\./)
  expect(out).toContain('`npm run doctor -- <url>` says why')
})

test('delivers signed callbacks, retries what fails, and counts', async () => {
  const { url, received } = await receiver((_callback, count) => (count === 2 ? { status: 503 } : stored))
  const { status, out } = await simulate(['--url', url, ...quick, '--count', '5'])
  expect(status).toBe(0)
  expect(out).toMatch(/delivered +5\n.*duplicates +0\n.*\n +lost +0\n +attempts +6\n/s)
  expect(out).toMatch(/ 200 stored +5\n +503 +1\n/)
  expect(out).toMatch(/curl .*\/v1\/snapshots\//)
  expect(new Set(received.map(({ task_id }) => task_id)).size).toBe(5)
  for (const callback of received) expect(callback.signature).toBe(sign({ secret: SECRET, ...callback }))
})

test('signs with the first secret of a rotation, for the first app that has one', async () => {
  const { url, received } = await receiver(() => stored)
  await simulate(['--url', url, ...quick, '--count', '1'], `ZEGO_CALLBACK_SECRET='{"77":["${SECRET}","older"]}'`)
  expect(received).toMatchObject([{ appid: '77', signature: sign({ secret: SECRET, ...received[0]! }) }])
})

test('sends acknowledged callbacks again, re-signed and repeated by turns', async () => {
  const { url, received } = await receiver(() => stored)
  const { status, out } = await simulate(['--url', url, ...quick, '--count', '2', '--duplicates', '4'])
  expect(status).toBe(0)
  expect(out).toMatch(/delivered +2\n +duplicates +8\n/)
  for (const task_id of new Set(received.map((callback) => callback.task_id))) {
    const nonces = received.filter((callback) => callback.task_id === task_id).map(({ nonce }) => nonce)
    expect([nonces.length, new Set(nonces).size]).toEqual([5, 3])
  }
})

test('reports what was lost, and how it was answered', async () => {
  const { url, received } = await receiver(() => ({ status: 401, json: { code: 'bad_signature' } }))
  const { status, out } = await simulate(['--url', url, ...quick, '--count', '2'])
  expect(status).toBe(1)
  expect(received).toHaveLength(12)
  expect(out).toMatch(/ lost +2\n/)
  expect(out).toMatch(/ 401 bad_signature +12\n/)
  expect(out).toContain('the last answer was 401 bad_signature.')
})

test('expects forgeries to be refused', async () => {
  const ledger = new Map<string, string>()
  const { url } = await receiver(({ timestamp, nonce, signature, task_id }) => {
    if (signature !== sign({ secret: SECRET, timestamp, nonce })) return { status: 401 }
    if (Math.abs(Number(timestamp) - Date.now() / 1000) > 600) return { status: 401 }
    if ((ledger.get(signature) ?? task_id) !== task_id) return { status: 409 }
    ledger.set(signature, task_id)
    return stored
  })
  const { status, out } = await simulate(['--url', url, ...quick, '--count', '3', '--forge'])
  expect(out).toMatch(/delivered +3\n.*refused +9 of 9 forgeries\n/s)
  expect(out).toMatch(/ 401 +6\n +409 +3\n/)
  expect(status).toBe(0)
})

test('fails when forgeries are taken', async () => {
  const { url } = await receiver(() => stored)
  const { status, out } = await simulate(['--url', url, ...quick, '--count', '1', '--forge'])
  expect(status).toBe(1)
  expect(out.match(/TAKEN .*: answered 200 stored/g)).toHaveLength(3)
})
