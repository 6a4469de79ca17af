/** `npm run deploy`: `wrangler deploy` for one installation, which can be repeated after anything that went wrong. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { InvalidArgumentError } from '@commander-js/extra-typings'
import { experimental_readRawConfig } from 'wrangler'
import { command } from './lib/command.ts'
import { type Config, DeployError, installation, remedyFor, urlIn, withStores } from './lib/installation.ts'

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

async function run(args: string[], isShown = false) {
  const wrangler = createRequire(import.meta.url).resolve('wrangler')
  const child = spawn(process.execPath, ['--no-warnings', wrangler, ...args], {
    stdio: ['inherit', 'pipe', 'pipe'],
    env: { ...process.env, WRANGLER_HIDE_BANNER: 'true' },
  })
  let output = ''
  for (const [stream, to] of [[child.stdout, process.stdout] as const, [child.stderr, process.stderr] as const]) {
    stream.on('data', (chunk: Buffer) => (output += String(chunk)))
    if (isShown) stream.pipe(to)
  }
  const [status] = (await once(child, 'close')) as [number | null]
  return { isDone: status === 0, output }
}

/** @returns what Wrangler prints */
async function upload(config: Config): Promise<string> {
  // Beside wrangler.toml, because every path in it is relative to it.
  const file = `.deploy-${config.name}.json`
  writeFileSync(file, JSON.stringify({ ...config, env: undefined }, null, 2))
  try {
    const { isDone, output } = await run(['deploy', '--config', file], true)
    if (isDone) return output
    throw new DeployError(`Wrangler failed: it says why above. What was made stays. Fix the cause, and run this command
again.${remedyFor(output, 'Workers Scripts')}`)
  } finally {
    rmSync(file)
  }
}

const SECRETS = {
  ZEGO_CALLBACK_SECRET: "the app's CallbackSecret, not its ServerSecret",
  API_TOKEN: 'a long random text: it opens the API and the dashboard',
  CALLBACK_PATH_TOKEN: 'made by `openssl rand -hex 24`; set it once callbacks arrive with it, since no body is signed',
}

/** Where Cloudflare does not tell which secrets are set, each is taken for missing. */
async function tellWhatIsMissing(name: string, url: string | undefined) {
  const { isDone, output } = await run(['secret', 'list', '--format', 'json', '--name', name])
  for (const [secret, meaning] of Object.entries(SECRETS)) {
    if (isDone && output.includes(`"${secret}"`)) continue
    console.log(`\nNot set yet: ${secret}, ${meaning}:\n  npx wrangler secret put ${secret} --name ${name}`)
  }
  if (url !== undefined) console.log(`\nThe URL to give to ZEGOCLOUD: ${url}/zego/callback/<path token>`)
}

async function deploy() {
  const base = experimental_readRawConfig({ config: 'wrangler.toml' }).rawConfig as Config
  const config = installation(base, options.name ?? base.name)
  const environment = process.env['CLOUDFLARE_ENV']
  if (environment)
    throw new DeployError(`CLOUDFLARE_ENV is set, and an environment would share the database and the queues. Unset it;
for an installation that shares nothing: npm run deploy -- --name ${config.name}-${environment}`)
  await tellWhatIsMissing(config.name, urlIn(await upload(await withStores(config, run))))
}

if (existsSync('.env')) process.loadEnvFile('.env') // Wrangler reads it, too

try {
  await deploy()
} catch (error) {
  if (!(error instanceof DeployError)) throw error
  console.error(`deploy: ${error.message}`)
  process.exitCode = 1
}
