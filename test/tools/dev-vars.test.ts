import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { callerOf, prepareLocalSecrets, readLocalSecrets } from '../../tools/lib/dev-vars.ts'

/** A directory with these files. */
function directoryWith(files: Record<string, string>) {
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return directory
}

const SECRET = "ZEGO_CALLBACK_SECRET='my # own'\n"

test('writes a first .dev.vars, and never over one that is there', () => {
  const directory = directoryWith({ '.env': 'CLOUDFLARE_API_TOKEN=1' })
  expect(prepareLocalSecrets(directory)).toEqual([expect.stringContaining('Wrote .dev.vars')])
  const written = { ZEGO_CALLBACK_SECRET: 'secret', API_TOKEN: 'dev-token' }
  expect(readLocalSecrets(directory)).toEqual({ file: '.dev.vars', vars: written })
  writeFileSync(join(directory, '.dev.vars'), `${SECRET}API_TOKEN=one`)
  expect(prepareLocalSecrets(directory)).toEqual(['The secrets are those of .dev.vars.'])
  expect(readLocalSecrets(directory).vars).toEqual({ ZEGO_CALLBACK_SECRET: 'my # own', API_TOKEN: 'one' })
})

test('uses the secrets of .env where there is no .dev.vars, and writes none', () => {
  const directory = directoryWith({ '.env': `${SECRET}API_TOKEN=one` })
  expect(prepareLocalSecrets(directory)).toEqual(['The secrets are those of .env.'])
  expect(readLocalSecrets(directory).vars).toEqual({ ZEGO_CALLBACK_SECRET: 'my # own', API_TOKEN: 'one' })
  expect(existsSync(join(directory, '.dev.vars'))).toBe(false)
  writeFileSync(join(directory, '.dev.vars'), 'API_TOKEN=two')
  expect(readLocalSecrets(directory)).toEqual({ file: '.dev.vars', vars: { API_TOKEN: 'two' } })
})

test.each([
  ['', 'it is not set'],
  ["ZEGO_CALLBACK_SECRET=''", 'it is empty or has an empty entry'],
  ['ZEGO_CALLBACK_SECRET=[', 'it begins like JSON but is not valid JSON'],
])('says what to do where %j is no usable secret', (line, why) => {
  const directory = directoryWith({ '.dev.vars': `API_TOKEN=dev-token\n${line}` })
  const [, warning, ...more] = prepareLocalSecrets(directory)
  expect(warning).toBe(
    `WARNING: ZEGO_CALLBACK_SECRET cannot be used: ${why}. Put a line ZEGO_CALLBACK_SECRET='…' into .dev.vars, and start again. Until then every callback is answered 503.`,
  )
  expect(more).toEqual([])
})

test.each([
  [' plain ', '12345', 'plain'],
  ['["new","old"]', '12345', 'new'],
  ['{"1":["new","old"],"2":"two"}', '1', 'new'],
  ['[', '12345', undefined],
])('signs for the first app with its first secret: %s', (ZEGO_CALLBACK_SECRET, appid, secret) => {
  expect(callerOf({ ZEGO_CALLBACK_SECRET })).toEqual({ appid, secret, path: '/zego/callback' })
  const withToken = { ZEGO_CALLBACK_SECRET, CALLBACK_PATH_TOKEN: '["a/b","c"]' }
  expect(callerOf(withToken).path).toBe('/zego/callback/a%2Fb')
})
