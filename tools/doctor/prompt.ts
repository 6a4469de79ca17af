/** Asks for a secret: nothing of what is typed is shown, and the terminal is left as it was. */

/** As much of a terminal as is needed. */
export type Terminal = {
  setRawMode: (raw: boolean) => unknown
  resume: () => unknown
  pause: () => unknown
  on: (event: 'data', listener: (chunk: Buffer | string) => void) => unknown
  off: (event: 'data', listener: (chunk: Buffer | string) => void) => unknown
}

/** Whoever was asked has pressed Ctrl-C. */
export class Interrupted extends Error {}

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const CTRL_U = '\u0015'
/** What arrow keys and the like send. */
const ESCAPES = /\u001B(?:\[[0-9;]*[A-Za-z~]|O[A-Z]|.)/g

/** What was typed until Enter. */
export async function askHidden(
  question: string,
  input: Terminal,
  output: { write: (text: string) => unknown },
): Promise<string> {
  output.write(question)
  input.setRawMode(true)
  input.resume()
  let listener: ((chunk: Buffer | string) => void) | undefined
  try {
    return await new Promise<string>((resolve, reject) => {
      let typed = ''
      listener = (chunk) => {
        for (const character of String(chunk).replace(ESCAPES, '')) {
          if (character === CTRL_C) return reject(new Interrupted())
          if (character === '\r' || character === '\n' || character === CTRL_D) return resolve(typed)
          typed = after(typed, character)
        }
      }
      input.on('data', listener)
    })
  } finally {
    if (listener) input.off('data', listener)
    input.setRawMode(false)
    input.pause()
    output.write('\n')
  }
}

function after(typed: string, character: string): string {
  if (character === CTRL_U) return ''
  if (character === '\u007F' || character === '\b') return typed.replace(/.$/su, '')
  return character < ' ' && character !== '\t' ? typed : typed + character
}
