/** `npm run deploy`: `wrangler deploy` for one installation, which can be repeated after anything that went wrong. */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { InvalidArgumentError } from '@commander-js/extra-typings'
import { experimental_readRawConfig } from 'wrangler'
import { command } from './lib/command.ts'
import { type Config, DeployError, installation, withStores } from './lib/installation.ts'

const SUMMARY = `Deploys the Worker, and creates the D1 database, the KV namespaces and the queues that are missing.

It finds what an earlier deployment has made, so it can be repeated after any failure. Wrangler takes the token from CLOUDFLARE_API_TOKEN or from \`npx wrangler login\`; docs/deploying.md lists its permissions.`

/** The longest name of a queue has 63 characters, of which "-events" are seven. */
function workerName(typed: string) {
  if (/^[a-z0-9](?:[a-z0-9-]{0,54}[a-z0-9])?$/.test(typed)) return typed
  throw new InvalidArgumentError('It must be 1 to 56 lower-case letters, digits and hyphens, no hyphen first or last.')
}

const options = command('deploy', SUMMARY)
  .option('--name <name>', 'another installation, which shares nothing with the first', workerName)
  .parse()
  .opts()

process.chdir(join(import.meta.dirname, '..'))

/** Its output is shown where it is not to be read. */
function runWrangler(args: string[], stdio: 'pipe' | 'inherit' = 'pipe') {
  const wrangler = createRequire(import.meta.url).resolve('wrangler')
  const env = { ...process.env, WRANGLER_HIDE_BANNER: 'true' }
  return spawnSync(process.execPath, ['--no-warnings', wrangler, ...args], { encoding: 'utf8', env, stdio })
}

function upload(config: Config) {
  // Beside wrangler.toml, because every path in it is relative to it.
  const file = `.deploy-${config.name}.json`
  writeFileSync(file, JSON.stringify({ ...config, env: undefined }, null, 2))
  const { status } = runWrangler(['deploy', '--config', file], 'inherit')
  rmSync(file)
  if (status === 0) return
  throw new DeployError(`Wrangler failed: it says why above. What was made stays. Fix the cause, and run this command again.
Where it says [code: 10000], the token lacks the permission Workers Scripts: Edit, or one for the domain.`)
}

function deploy() {
  const base = experimental_readRawConfig({ config: 'wrangler.toml' }).rawConfig as Config
  const config = installation(base, options.name ?? base.name)
  const environment = process.env['CLOUDFLARE_ENV']
  if (environment)
    throw new DeployError(`CLOUDFLARE_ENV is set, and an environment would share the database and the queues. Unset it;
for an installation that shares nothing: npm run deploy -- --name ${config.name}-${environment}`)
  upload(withStores(config, runWrangler))
  console.log('\nOpen the URL above: it says which secrets are missing; its health page has the URL for ZEGOCLOUD.')
}

if (existsSync('.env')) process.loadEnvFile('.env') // Wrangler reads it, too

try {
  deploy()
} catch (error) {
  if (!(error instanceof DeployError)) throw error
  console.error(`deploy: ${error.message}`)
  process.exitCode = 1
}
