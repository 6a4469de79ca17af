import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { firstAppid, firstOf, readDevVars, writeFirstDevVars } from '../../tools/dev-vars.ts'

function temporaryFile() {
  const directory = mkdtempSync(join(tmpdir(), 'zego-snapshots-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return join(directory, '.dev.vars')
}

test('writes a first .dev.vars, and never over one that is there', () => {
  const path = temporaryFile()
  expect(readDevVars(path)).toEqual({})
  expect(writeFirstDevVars(path)).toBe(true)
  expect(readDevVars(path)).toEqual({ ZEGO_CALLBACK_SECRET: 'secret', API_TOKEN: 'dev-token' })
  writeFileSync(path, "ZEGO_CALLBACK_SECRET='my # own'\n")
  expect(writeFirstDevVars(path)).toBe(false)
  expect(readFileSync(path, 'utf8')).toBe("ZEGO_CALLBACK_SECRET='my # own'\n")
  expect(readDevVars(path)).toEqual({ ZEGO_CALLBACK_SECRET: 'my # own' })
})

test('signs with the first secret of a rotation, and with that of the app', () => {
  expect(firstOf(' plain ')).toBe('plain')
  expect(firstOf('["new","old"]')).toBe('new')
  expect(firstOf('{"1":"one","2":["new","old"]}', '2')).toBe('new')
  expect(firstOf('{"1":"one"}', '2')).toBeUndefined()
  for (const none of [undefined, '', '  ', '[', '[]', '{}', '[1]']) expect(firstOf(none, '1')).toBeUndefined()
  expect(firstAppid('{"77":"one","78":"two"}')).toBe('77')
  for (const none of [undefined, 'plain', '["a"]', '{', '5']) expect(firstAppid(none)).toBeUndefined()
})
