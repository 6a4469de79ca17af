import { describe, expect, it } from 'vitest'
import { spellings, underDocumentedNames } from '../../src/callback/content.ts'

const DOCUMENTED = spellings(['task_id', 'appid'])

const named = (entries: [string, unknown][]) => [
  ...underDocumentedNames(entries, DOCUMENTED, (_name, value) => value === null),
]

describe('a documented name', () => {
  it.each(['task_id', 'TaskId', 'taskId', 'taskid', 'TASK_ID', '_task__id_', 'Task_Id'])(
    'may be spelled %s',
    (name) => {
      expect(named([[name, 1]])).toEqual([['task_id', 1]])
    },
  )

  it.each(['task-id', 'task id', ' task_id', 'taskids', 'task.id', 'tаsk_id'])('is not %j', (name) => {
    expect(named([[name, 1]])).toEqual([[name, 1]])
  })

  it('takes the value under the documented spelling, wherever that stands', () => {
    expect(
      named([
        ['task_id', 1],
        ['TaskId', 2],
      ]),
    ).toEqual([['task_id', 1]])
    expect(
      named([
        ['TaskId', 2],
        ['task_id', 1],
      ]),
    ).toEqual([['task_id', 1]])
  })

  it('takes the last of the other spellings', () => {
    expect(
      named([
        ['TaskId', 1],
        ['taskId', 2],
      ]),
    ).toEqual([['task_id', 2]])
    expect(
      named([
        ['TaskId', 1],
        ['taskId', 2],
        ['TaskId', 3],
      ]),
    ).toEqual([['task_id', 3]])
  })

  it('takes the last of its repeats', () => {
    expect(
      named([
        ['task_id', 1],
        ['task_id', 2],
      ]),
    ).toEqual([['task_id', 2]])
  })

  it('is not hidden by a spelling whose value counts as not sent', () => {
    expect(
      named([
        ['task_id', null],
        ['TaskId', 2],
      ]),
    ).toEqual([['task_id', 2]])
    expect(
      named([
        ['TaskId', 2],
        ['taskId', null],
      ]),
    ).toEqual([['task_id', 2]])
    expect(
      named([
        ['task_id', 1],
        ['task_id', null],
        ['TaskId', 2],
      ]),
    ).toEqual([['task_id', 2]])
    expect(named([['task_id', null]])).toEqual([])
  })
})

describe('any other name', () => {
  it('keeps its own spelling, and the last of its repeats', () => {
    expect(
      named([
        ['Code', 1],
        ['code', 2],
        ['Code', 3],
        ['', 4],
      ]),
    ).toEqual([
      ['code', 2],
      ['Code', 3],
      ['', 4],
    ])
  })

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('may be %s', (name) => {
    expect(
      named([
        [name, 1],
        ['appid', 2],
      ]),
    ).toEqual([
      [name, 1],
      ['appid', 2],
    ])
  })
})
