/** Where the receiver on this machine sends its alerts: each becomes a printed line. */
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { membersIn, textIn } from '../lib/members.ts'

export const alertServer = (print: (line: string) => void) =>
  createServer((request, response) => {
    response.writeHead(204).end()
    void text(request).then((body) => print(`alert  ${textIn(membersIn(body), 'text') ?? body}`))
  })
