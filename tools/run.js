/** Runs a program in TypeScript, or says which Node it needs. It is JavaScript, because an old Node must read it. */
import { spawnSync } from 'node:child_process'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 12)) {
  console.error(`This needs Node 22.12 or newer, and found ${process.versions.node}.
On Linux (x64, arm64) \`npm ci\` installs Node 24 for it, but not with --omit=optional: run \`npm ci\` again without it.
On other systems install a newer Node: https://nodejs.org`)
  process.exit(1)
}

// Before 22.18 Node reads TypeScript only when it is told to.
if (!process.features.typescript) {
  const node = [...process.execArgv, '--experimental-strip-types', ...process.argv.slice(1)]
  process.exit(spawnSync(process.execPath, node, { stdio: 'inherit' }).status ?? 1)
}

// What runs on this machine is asked directly, also where NODE_USE_ENV_PROXY sends everything to a proxy.
process.env.no_proxy = [process.env.no_proxy ?? process.env.NO_PROXY, '127.0.0.1', 'localhost'].filter(Boolean).join()

const REMEDIES = {
  ERR_MODULE_NOT_FOUND: 'a dependency is missing. Install all of them: npm ci --include=dev --include=optional',
  EROFS: 'this checkout cannot be written. Use one that can: the local stores and .dev.vars are kept in it.',
}
REMEDIES.EACCES = REMEDIES.EROFS

const [name] = process.argv.splice(2, 1)
try {
  await import(`./${name}.ts`)
} catch (error) {
  if (!REMEDIES[error.code]) throw error
  console.error(`${name}: ${REMEDIES[error.code]}`)
  process.exit(1)
}
