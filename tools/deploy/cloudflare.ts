/** Cloudflare's API, with the credentials that Wrangler has. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'

/** What went wrong, and what to do about it. */
export class DeployError extends Error {}

type Failure = { code: number; message: string }
type Reply<T> = { result: T; errors?: Failure[]; result_info?: { total_count?: number } | null }

/** Cloudflare refused a request, and said why. */
export class RefusedError extends DeployError {
  readonly status: number

  constructor(request: string, status: number, failures: Failure[] = []) {
    const reasons = failures.map(({ code, message }) => `${message} [code: ${code}]`)
    super(`${request}: ${reasons.join(', ') || `HTTP status ${status}`}`)
    this.status = status
  }

  get isForbidden() {
    return this.status === 401 || this.status === 403
  }
}

const wrangler = createRequire(import.meta.url).resolve('wrangler')

/** Does not block: a connection to the API that ends in the meantime must be noticed, or the next request would use it. */
export async function runWrangler(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--no-warnings', wrangler, ...args], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  const [status] = (await once(child, 'exit')) as [number | null]
  return status === 0
}

/** The Worker's URL among what Wrangler calls the targets of a deployment: a domain of its own comes first. */
export function urlAmong(targets: string[]) {
  const [domain] = targets.flatMap((target) => /^(\S+) \(custom domain/.exec(target)?.[1] ?? [])
  return domain ? `https://${domain}` : targets.find((target) => target.startsWith('https://'))
}

/** Wrangler keeps what `wrangler login` got, and renews it. */
function askWrangler() {
  const { status, stdout } = spawnSync(process.execPath, ['--no-warnings', wrangler, 'auth', 'token', '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
    encoding: 'utf8',
  })
  return status === 0 ? (JSON.parse(stdout) as { token?: string }).token : undefined
}

const logIn = async () => process.stdin.isTTY && process.stdout.isTTY && (await runWrangler(['login']))

async function readToken() {
  const token = process.env['CLOUDFLARE_API_TOKEN'] || askWrangler() || ((await logIn()) ? askWrangler() : undefined)
  if (token) return token
  throw new DeployError(`nobody is logged in to Cloudflare. Log in with \`npx wrangler login\`, or set CLOUDFLARE_API_TOKEN;
docs/deploying.md lists the permissions that the token needs.`)
}

export type Api = ReturnType<typeof apiBelow>

/** @param prefix what the paths of all requests begin with */
function apiBelow(prefix: string, token: string) {
  const base = process.env['CLOUDFLARE_API_BASE_URL'] || 'https://api.cloudflare.com/client/v4'
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

  async function send<T>(method: string, path: string, body?: object): Promise<Reply<T>> {
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
    const response = await fetch(base + prefix + path, init).catch((cause: unknown) => {
      const hint = 'Is there a network? Behind a proxy, set NODE_USE_ENV_PROXY=1.'
      throw new DeployError(`${base} cannot be reached. ${hint}`, { cause })
    })
    // An outage may be answered in HTML.
    const reply = (await response.json().catch(() => ({}))) as Reply<T>
    if (!response.ok) throw new RefusedError(`${method} ${path.split('?')[0]}`, response.status, reply.errors)
    return reply
  }

  /** Every page of a list. */
  async function list<T>(path: string): Promise<T[]> {
    const all: T[] = []
    for (let page = 1; ; page += 1) {
      const { result, result_info } = await send<T[]>('GET', `${path}?page=${page}&per_page=100`)
      all.push(...result)
      const total = result_info?.total_count ?? (result.length < 100 ? 0 : Infinity)
      if (result.length === 0 || all.length >= total) return all
    }
  }

  return { send, list }
}

/** @param configured the account that wrangler.toml names: for Wrangler, too, it comes before the environment's */
export async function connect(configured?: string) {
  const token = await readToken()
  const given = configured || process.env['CLOUDFLARE_ACCOUNT_ID']
  const account = given || (await onlyAccount(apiBelow('', token)))
  return { account, api: apiBelow(`/accounts/${account}`, token) }
}

async function onlyAccount(api: Api) {
  const accounts = await api.list<{ id: string; name: string }>('/accounts').catch(tellUnknown)
  if (accounts.length === 1) return accounts[0]!.id
  if (accounts.length === 0) return tellUnknown()
  const lines = accounts.map(({ id, name }) => `  ${id}  ${name}`).join('\n')
  throw new DeployError(`there are several accounts. Set CLOUDFLARE_ACCOUNT_ID to the id of one of them:\n${lines}`)
}

/** A token that belongs to an account is refused the list, and one without Account Settings: Read finds it empty. */
function tellUnknown(reason?: unknown): never {
  if (reason !== undefined && !(reason instanceof RefusedError)) throw reason
  throw new DeployError(`Cloudflare does not say which account this is for${reason ? ` (${reason.message})` : ''}.
Set CLOUDFLARE_ACCOUNT_ID to the account's id, which the dashboard shows under Workers & Pages. Or give the token the
permission Account Settings: Read.`)
}
