/** The codes that ZEGOCLOUD documents for its server API, and what to do about each. */

export const OK = 0
export const TOO_FREQUENT = 6

/** About the task that was asked for, not about the app: ZEGOCLOUD cannot tell of such a task. */
const ABOUT_THE_TASK: ReadonlySet<number> = new Set([2, 4, 1000, 41003])

const ADVICE: ReadonlyMap<number, string> = new Map([
  [2, 'A parameter is wrong: check FileId, Definition and the time points against ZEGOCLOUD’s page of the action.'],
  [3, 'The app may not do this: ask ZEGOCLOUD’s Technical Support to activate on-demand screenshots for it.'],
  [4, 'The file, or the task, is with the other CDN: check Vendor.'],
  [
    5,
    'The app is not set up for this: ask ZEGOCLOUD’s Technical Support to check its CDN and screenshot configuration.',
  ],
  [TOO_FREQUENT, 'The app called too often: try again later. Check what else calls ZEGOCLOUD’s server API for it.'],
  [7, 'ZEGOCLOUD does not accept this secret for this app: check appid and ServerSecret in ZEGO_SERVER_SECRET.'],
  [1000, 'ZEGOCLOUD failed, or the FileId does not exist. Check the FileId, then try again.'],
  [41003, 'The file does not exist: check the FileId, and that its vendor still keeps the file.'],
  [100000004, 'The signature has expired: the clocks differ by more than 10 minutes.'],
  [
    100000005,
    'The signature is wrong: ZEGO_SERVER_SECRET must hold the ServerSecret of this app, not its CallbackSecret.',
  ],
])

export function adviceOn(code: number): string {
  return ADVICE.get(code) ?? 'ZEGOCLOUD does not document this code: read its message, or ask its Technical Support.'
}

export function isAboutTheTask(code: number): boolean {
  return ABOUT_THE_TASK.has(code)
}
