/** `npm run deploy`: `wrangler deploy` for one installation, which can be repeated after anything that went wrong. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { InvalidArgumentError } from '@commander-js/extra-typings'
import { command } from './lib/command.ts'
import { type Api, connect, DeployError, runWrangler, urlAmong } from './deploy/cloudflare.ts'
import { type Config, installation, readConfig, root } from './deploy/config.ts'
import { findStores, withStores } from './deploy/stores.ts'

const SUMMARY = `Deploys the Worker, and creates the D1 database, the KV namespaces and the queues that are missing.

It checks the token's permissions first. It finds what an earlier deployment has made, so it can be repeated after any failure. The token comes from CLOUDFLARE_API_TOKEN or \`npx wrangler login\`; docs/deploying.md lists its permissions.`

/** The longest name of a queue has 63 characters, of which "-events" are seven. */
function workerName(given: string) {
  if (/^[a-z0-9](?:[a-z0-9-]{0,54}[a-z0-9])?$/.test(given)) return given
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

const directory = join(root, '.wrangler')
const results = join(directory, 'deployed.ndjson')

const SECRETS = {
  ZEGO_CALLBACK_SECRET: "the app's CallbackSecret, not its ServerSecret",
  API_TOKEN: 'a long random text: it opens the API and the dashboard',
}

function refuseEnvironments(name: string) {
  const environment = process.env['CLOUDFLARE_ENV']
  if (!environment) return
  throw new DeployError(`CLOUDFLARE_ENV is set, and an environment would share the database and the queues. Unset it;
for an installation that shares nothing: npm run deploy -- --name ${name}-${environment}`)
}

/** A file of its own, because Wrangler cannot write ids into a TOML file with comments. */
function writeConfig(config: Config) {
  const file = join(directory, `${config.name}.json`)
  const main = resolve(root, config.main ?? '')
  mkdirSync(directory, { recursive: true })
  writeFileSync(file, JSON.stringify({ ...config, main, env: undefined }, null, 2))
  return file
}

/** @returns the Worker's URL, where it has one */
async function upload(file: string, account: string) {
  rmSync(results, { force: true })
  const env = { CLOUDFLARE_ACCOUNT_ID: account, WRANGLER_OUTPUT_FILE_PATH: results }
  if (!(await runWrangler(['deploy', '--config', file], env)))
    throw new DeployError(`Wrangler failed: it says why above. What was made stays. Fix the cause, and run this command
again.`)
  return urlAmong(readFileSync(results, 'utf8').split('\n').flatMap(targetsIn))
}

const targetsIn = (line: string) => (line ? ((JSON.parse(line) as { targets?: string[] }).targets ?? []) : [])

/** The names of those that are set. Where Cloudflare does not tell, each is taken for missing. */
async function secretsOf(api: Api, name: string) {
  const path = `/workers/scripts/${name}/secrets`
  const { result } = await api.send<{ name: string }[]>('GET', path).catch(() => ({ result: [] }))
  return new Set(result.map((secret) => secret.name))
}

function tellWhatIsMissing(name: string, secrets: ReadonlySet<string>) {
  for (const [secret, meaning] of Object.entries(SECRETS).filter(([required]) => !secrets.has(required)))
    console.log(`\nNot set yet: ${secret}, ${meaning}:\n  npx wrangler secret put ${secret} --name ${name}`)
}

/** The token itself is known to the Worker alone. */
function tellUrl(url: string, secrets: ReadonlySet<string>) {
  console.log(`\nThe URL to give to ZEGOCLOUD: ${url}/zego/callback/<path token>`)
  if (!secrets.has('CALLBACK_PATH_TOKEN'))
    console.log(`Create a path token with \`openssl rand -hex 24\`, and set it as CALLBACK_PATH_TOKEN once callbacks arrive with
it: ZEGOCLOUD does not sign the body. Until then every path below /zego/callback is accepted.`)
}

async function deploy() {
  const base = readConfig()
  const config = installation(base, options.name ?? base.name)
  refuseEnvironments(config.name)
  const { api, account } = await connect(config.account_id)
  const stores = await findStores(api, config.name)
  console.log(`${config.name}, in the account ${account}:`)
  const url = await upload(writeConfig(await withStores(api, config, stores)), account)
  const secrets = await secretsOf(api, config.name)
  tellWhatIsMissing(config.name, secrets)
  if (url) tellUrl(url, secrets)
}

if (existsSync('.env')) process.loadEnvFile('.env') // Wrangler reads it, too

try {
  await deploy()
} catch (error) {
  if (!(error instanceof DeployError)) throw error
  console.error(`deploy: ${error.message}`)
  process.exitCode = 1
}
