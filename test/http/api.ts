/** The API as its readers call it, with the token. */
import { request } from '../worker.ts'

type Settings = Record<string, unknown>

export async function api(path: string, init: RequestInit = {}, settings: Settings = {}): Promise<Response> {
  const headers = { authorization: 'Bearer test-token', ...(init.headers as Record<string, string> | undefined) }
  return request(`https://receiver.test${path}`, { ...init, headers }, settings)
}

export const get = (path: string, settings: Settings = {}) => api(path, {}, settings)
export const post = (path: string, settings: Settings = {}) => api(path, { method: 'POST' }, settings)
export const del = (path: string, settings: Settings = {}) => api(path, { method: 'DELETE' }, settings)

/** An answer's status and what it says; `null` where it has no body. */
export async function said(answer: Promise<Response>): Promise<[number, unknown]> {
  const given = await answer
  const text = await given.text()
  return [given.status, text === '' ? null : JSON.parse(text)]
}
