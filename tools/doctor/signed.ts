/** A signed test callback; where it is refused, the reasons that are plain from the answer. */
import { answerIn, keptAs, quote, send, stampFor, type Case } from './case.ts'
import { isFinding, note, put, seconds, well, wrong, type Finding } from './finding.ts'
import { textIn, wordOf, type Reply } from './reply.ts'
import { whyNoSecretFits } from './secret.ts'

/** The Worker's own limit for an answer. */
const SLOW_MS = 5_000

export async function checkSigned(patient: Case): Promise<Finding> {
  const callback = { ...patient.callback, ...stampFor(patient, patient.secret) }
  const reply = answerIn(await send(patient, callback), patient)
  if (isFinding(reply)) return ending(postIsStopped(reply))
  const id = keptAs(reply)
  if (id === undefined) return ending(await refused(patient, reply))
  patient.taken = { callback, id }
  return taken(patient, reply)
}

/** Without a callback that was taken there is nothing that could be repeated or read. */
const ending = (finding: Finding): Finding => (finding.verdict === 'wrong' ? { ...finding, ends: true } : finding)

async function taken({ secret, given, appid }: Case, { ms }: Reply): Promise<Finding> {
  const { everyApp, byApp } = given.serverSecrets
  if ([...everyApp, ...(byApp.get(appid) ?? [])].includes(secret)) {
    return wrong('The Worker takes it, but what was given as CallbackSecret is the ServerSecret.', {
      remedy:
        "ZEGOCLOUD signs with the CallbackSecret: its callbacks are refused. Put the one of ZEGOCLOUD's console (Project Configuration):",
      command: put('ZEGO_CALLBACK_SECRET'),
    })
  }
  const evidence = `202: its signature holds, and D1 has it. It took ${Math.round(ms)} ms.`
  if (ms <= SLOW_MS) return well(evidence)
  return note(`It was taken, but only after ${seconds(ms)}.`, {
    remedy:
      'How long ZEGOCLOUD waits is documented nowhere. The Worker answers within 5 s; its log tells what was slow:',
    command: 'npx wrangler tail',
  })
}

async function refused(patient: Case, reply: Reply): Promise<Finding> {
  switch (wordOf(reply)) {
    case 'bad_signature':
      return whyNoSecretFits(patient)
    case 'unknown_app':
      return whyUnknownApp(patient)
    case 'stale':
      return whyStale(patient, reply)
    case 'not_configured':
      return notConfigured(patient, reply)
    case 'accepted':
      return wrong('202 accepted: it is durable, but D1 did not take it in time. It reaches D1 later.', {
        remedy: 'https://www.cloudflarestatus.com tells of outages, the log of the rest:',
        command: 'npx wrangler tail',
      })
    case 'storage_unavailable':
      return wrong('503 storage_unavailable: neither D1 nor the queue nor KV took it.', {
        remedy: 'On the free plan a daily limit may be reached until 00:00 UTC. The log tells:',
        command: 'npx wrangler tail',
      })
    case 'undecodable':
    case 'body_too_large':
    case 'invalid_timestamp':
      return wrong(`${quote(reply, patient)} It was right when it was sent.`, {
        remedy: 'Something between here and the Worker changes bodies: a proxy, or a Worker on the same route.',
      })
    default:
      return wrong(`It was answered ${quote(reply, patient)}`, { remedy: 'The log:', command: 'npx wrangler tail' })
  }
}

/** What stops a POST let the GET before it pass. */
const postIsStopped = (finding: Finding) => ({
  ...finding,
  evidence: `A GET gets through, a POST does not. ${finding.evidence}`,
})

/** The problem's detail begins with the setting's name. */
function notConfigured(patient: Case, reply: Reply): Finding {
  const [, setting, why] = /^([A-Z_]{4,}) cannot be used: (.*?)\.(?: |$)/.exec(textIn(reply.json, 'detail') ?? '') ?? []
  if (setting === undefined) return wrong(quote(reply, patient), { remedy: 'GET / shows what is missing.' })
  const hint = setting === 'ZEGO_CALLBACK_SECRET' ? ' It is the CallbackSecret, not the ServerSecret.' : ''
  const evidence = `503 not_configured: ${setting} cannot be used: ${why}.${hint}`
  if (setting === 'SIGNATURE_TOLERANCE_SECONDS') {
    return wrong(evidence, {
      remedy: 'Mend it under [vars] in wrangler.toml, and deploy:',
      command: 'npx wrangler deploy',
    })
  }
  return wrong(evidence, {
    remedy: 'Until it is set, every callback is answered 503, and lost:',
    command: put(setting),
  })
}

/** The secret is one of the Worker's, under another appid. */
async function whyUnknownApp(patient: Case): Promise<Finding> {
  const { appid, given, secret, isAppNamed, target } = patient
  const known = `401 unknown_app: the Worker has this secret, but not for the app ${appid}.`
  const others = [...given.secrets.byApp.keys(), ...given.serverSecrets.byApp.keys()].filter((other) => other !== appid)
  for (const other of new Set(others)) {
    const reply = await send(patient, { ...patient.callback, appid: other, ...stampFor(patient, secret) })
    if (keptAs(reply) === undefined) continue
    const remedy = `Each secret belongs under its own app: {"${appid}":"…","${other}":"…"}`
    return wrong(`${known} It has it for the app ${other}.`, { remedy, command: put('ZEGO_CALLBACK_SECRET') })
  }
  if (!isAppNamed) {
    const remedy = 'It has its secrets by app. Name the one whose secret was given:'
    return wrong(known, { remedy, command: `npm run doctor -- ${target.shown} --appid <AppID>` })
  }
  const remedy = `Either it is another app's secret, or the Worker lacks this app: put {"${appid}":"…"} beside the others.`
  return wrong(known, { remedy, command: put('ZEGO_CALLBACK_SECRET') })
}

/** Clocks are compared in whole seconds, and an answer takes its time. */
const SAME_CLOCK_SECONDS = 5

/** With the Worker's own time the rest can be looked at all the same. */
async function whyStale(patient: Case, reply: Reply): Promise<Finding> {
  const ahead = reply.ahead ?? ageIn(reply)
  if (ahead === undefined || Math.abs(ahead) <= SAME_CLOCK_SECONDS) {
    return wrong(`${quote(reply, patient)} The two clocks agree.`, {
      remedy: 'SIGNATURE_TOLERANCE_SECONDS in wrangler.toml is too small: without it, it is 600. Then deploy:',
      command: 'npx wrangler deploy',
    })
  }
  const clocks = `The clock here is ${Math.abs(ahead)} s ${ahead > 0 ? 'behind' : 'ahead of'} the Worker's.`
  patient.ahead = ahead
  const again = { ...patient.callback, ...stampFor(patient, patient.secret) }
  const id = keptAs(await send(patient, again))
  if (id === undefined) return wrong(`${quote(reply, patient)} ${clocks}`, { remedy: "Set this machine's clock." })
  patient.taken = { callback: again, id }
  return note(`401 stale. ${clocks} Signed with the Worker's time it is taken.`, {
    remedy: "Set this machine's clock. ZEGOCLOUD signs with its own, so its callbacks are not concerned.",
  })
}

/** As the Worker's own words tell it, where no header does. */
function ageIn(reply: Reply): number | undefined {
  const [, age, when] = /signed (\d+) s (ago|in the future)/.exec(textIn(reply.json, 'detail') ?? '') ?? []
  if (age === undefined) return undefined
  return when === 'ago' ? Number(age) : -Number(age)
}
