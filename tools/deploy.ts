/** `npm run deploy`: `wrangler deploy` for one installation, which can be repeated after anything that went wrong. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { InvalidArgumentError } from '@commander-js/extra-typings'
import { experimental_readRawConfig } from 'wrangler'
import { command } from './lib/command.ts'
import { type Config, DeployError, installation, remedyFor, urlAmong, withStores } from './lib/installation.ts'

const SUMMARY = `Deploys the Worker, and creates the D1 database, the KV namespaces and the queues that are missing.

It finds what an earlier deployment has made, so it can be repeated after any failure. Wrangler takes the token from CLOUDFLARE_API_TOKEN or from \`npx wrangler login\`; docs/deploying.md lists its permissions.`

/** The longest name of a queue has 63 characters, of which "-events" are seven. */
function workerName(typed: string) {
  if (/^[a-z0-9](?:[a-z0-9-]{0,54}[a-z0-9])?$/.test(typed)) return typed
  throw new InvalidArgumentError('It must be 1 to 56 lower-case letters, digits and hyphens, no hyphen first or last.')
}

const options = command('deploy', SUMMARY)
  .option(
    '--name <name>',
    'deploy another installation with this name, which shares nothing with the first',
    workerName,
  )
  .parse()
  .opts()

process.chdir(join(import.meta.dirname, '..'))
const results = join('.wrangler', 'deployed.ndjson')

async function run(args: string[], isShown = false) {
  const wrangler = createRequire(import.meta.url).resolve('wrangler')
  const child = spawn(process.execPath, ['--no-warnings', wrangler, ...args], {
    stdio: ['inherit', 'pipe', 'pipe'],
    env: { ...process.env, WRANGLER_HIDE_BANNER: 'true', WRANGLER_OUTPUT_FILE_PATH: results },
  })
  let output = ''
  for (const [stream, to] of [[child.stdout, process.stdout] as const, [child.stderr, process.stderr] as const]) {
    stream.on('data', (chunk: Buffer) => (output += String(chunk)))
    if (isShown) stream.pipe(to)
  }
  const [status] = (await once(child, 'close')) as [number | null]
  return { isDone: status === 0, output }
}

function refuseEnvironments(name: string) {
  const environment = process.env['CLOUDFLARE_ENV']
  if (!environment) return
  throw new DeployError(`CLOUDFLARE_ENV is set, and an environment would share the database and the queues. Unset it;
for an installation that shares nothing: npm run deploy -- --name ${name}-${environment}`)
}

/** @returns what Wrangler calls the targets */
async function upload(config: Config): Promise<string[]> {
  // Beside wrangler.toml, because every path in it is relative to it.
  const file = `.deploy-${config.name}.json`
  rmSync(results, { force: true })
  writeFileSync(file, JSON.stringify({ ...config, env: undefined }, null, 2))
  try {
    const { isDone, output } = await run(['deploy', '--config', file], true)
    if (!isDone)
      throw new DeployError(`Wrangler failed: it says why above. What was made stays. Fix the cause, and run this command
again.${remedyFor(output, 'Workers Scripts')}`)
  } finally {
    rmSync(file)
  }
  const lines = readFileSync(results, 'utf8').split('\n').filter(Boolean)
  return lines.flatMap((line) => (JSON.parse(line) as { targets?: string[] }).targets ?? [])
}

const SECRETS = {
  ZEGO_CALLBACK_SECRET: "the app's CallbackSecret, not its ServerSecret",
  API_TOKEN: 'a long random text: it opens the API and the dashboard',
}

/** Where Cloudflare does not tell which secrets are set, each is taken for missing. */
async function tellWhatIsMissing(name: string, targets: string[]) {
  const { isDone, output } = await run(['secret', 'list', '--format', 'json', '--name', name])
  const isSet = (secret: string) => isDone && output.includes(`"${secret}"`)
  for (const [secret, meaning] of Object.entries(SECRETS).filter(([required]) => !isSet(required)))
    console.log(`\nNot set yet: ${secret}, ${meaning}:\n  npx wrangler secret put ${secret} --name ${name}`)
  const url = urlAmong(targets)
  if (url === undefined) return
  console.log(`\nThe URL to give to ZEGOCLOUD: ${url}/zego/callback/<path token>`)
  if (!isSet('CALLBACK_PATH_TOKEN'))
    console.log(`Create a path token with \`openssl rand -hex 24\`, and set it as CALLBACK_PATH_TOKEN once callbacks arrive with
it: ZEGOCLOUD does not sign the body. Until then every path below /zego/callback is accepted.`)
}

async function deploy() {
  const base = experimental_readRawConfig({ config: 'wrangler.toml' }).rawConfig as Config
  const config = installation(base, options.name ?? base.name)
  refuseEnvironments(config.name)
  mkdirSync('.wrangler', { recursive: true })
  const targets = await upload(await withStores(config, run))
  await tellWhatIsMissing(config.name, targets)
}

if (existsSync('.env')) process.loadEnvFile('.env') // Wrangler reads it, too

try {
  await deploy()
} catch (error) {
  if (!(error instanceof DeployError)) throw error
  console.error(`deploy: ${error.message}`)
  process.exitCode = 1
}
