/** `npm run openapi`: makes src/http/openapi.json of the table of routes and of the schemas that validate. */
import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { command } from './lib/command.ts'

// There is nothing to choose.
command('openapi', 'Makes src/http/openapi.json again, of the schemas that validate.').parse()

/** The schemas stand beside their routes, which import SQL as Wrangler bundles it. No text of it is needed here. */
registerHooks({
  load: (url, context, nextLoad) =>
    url.endsWith('.sql')
      ? { format: 'module', source: "export default ''", shortCircuit: true }
      : nextLoad(url, context),
})

const { openApiDocument } = await import('./openapi/document.ts')
writeFileSync(join(import.meta.dirname, '../src/http/openapi.json'), `${JSON.stringify(openApiDocument())}\n`)
