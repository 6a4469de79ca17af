/** Where an installation keeps its data: what the account has of it, what the token may do, and what has to be made. */
import { type Api, DeployError, RefusedError } from './cloudflare.ts'
import { type Config, queuesOf, titleAfter } from './config.ts'

/** What a token has to be allowed to edit, by the name that Cloudflare's dashboard has for it. */
type Permission = { needs: string; path: string; nothing: string }
/** `title` and `id` are the fields that hold them, and `nothing` an id that no store has. */
type Kind = Permission & { title: string; id: string }

const ZEROS = '0'.repeat(32)
const NIL = '00000000-0000-0000-0000-000000000000'
const WORKERS: Permission = { needs: 'Workers Scripts', path: '/workers/scripts', nothing: 'no.such.worker' }
const DATABASES: Kind = { needs: 'D1', path: '/d1/database', title: 'name', id: 'uuid', nothing: NIL }
const QUEUES: Kind = { needs: 'Queues', path: '/queues', title: 'queue_name', id: 'queue_id', nothing: ZEROS }
const KV: Kind = {
  needs: 'Workers KV Storage',
  path: '/storage/kv/namespaces',
  title: 'title',
  id: 'id',
  nothing: ZEROS,
}

type Ids = Map<string, string>
type Row = Record<string, string>
/** The account's stores: ids by title. `bound`: the namespaces that the deployed Worker has, ids by binding. */
export type Stores = { namespaces: Ids; databases: Ids; queues: Ids; bound: Ids }

/** It makes nothing. Where the token may not do what follows, it throws, and names every permission that is missing. */
export async function findStores(api: Api, worker: string): Promise<Stores> {
  const missing = new Map<string, string>()
  const permitted = async (wanted: Permission, read: () => Promise<Ids>) => {
    try {
      const ids = await read()
      await mustEdit(api, wanted)
      return ids
    } catch (error) {
      if (!(error instanceof RefusedError && error.isForbidden)) throw error
      missing.set(wanted.needs, error.message)
      return new Map()
    }
  }
  const [bound, namespaces, databases, queues] = await Promise.all([
    permitted(WORKERS, () => boundTo(api, worker)),
    ...[KV, DATABASES, QUEUES].map((kind) => permitted(kind, () => idsOf(api, kind))),
  ])
  if (missing.size > 0) throw new DeployError(tellMissing(missing))
  return { bound, namespaces, databases, queues } as Stores
}

async function idsOf(api: Api, { path, title, id }: Kind): Promise<Ids> {
  const rows = await api.list<Row>(path)
  return new Map(rows.map((row) => [row[title]!, row[id]!]))
}

async function boundTo(api: Api, worker: string): Promise<Ids> {
  const path = `${WORKERS.path}/${worker}/settings`
  const settings = await api.send<{ bindings?: Row[] }>('GET', path).catch((error: unknown) => {
    if (!(error instanceof RefusedError && error.status === 404)) throw error
  })
  const namespaces = settings?.result.bindings?.filter(({ type }) => type === 'kv_namespace') ?? []
  return new Map(namespaces.map(({ name, namespace_id }) => [name!, namespace_id!]))
}

/** A list shows only that Read is there. Edit shows only where something would change: here nothing can. */
async function mustEdit(api: Api, { path, nothing }: Permission) {
  await api.send('DELETE', `${path}/${nothing}`).catch((error: unknown) => {
    if (!(error instanceof RefusedError) || error.isForbidden) throw error
  })
}

const BY_TOKEN = `Add each to the token, under Account, at https://dash.cloudflare.com/profile/api-tokens.
It needs Workers Scripts, Workers KV Storage, D1 and Queues, all with Edit (docs/deploying.md).`
const BY_LOGIN = `\`npx wrangler login\` asks for all of them: log in again. If that does not help, your role in the account
lacks them.`

function tellMissing(missing: Map<string, string>) {
  const lines = Array.from(missing, ([permission, reason]) => `  ${permission}: Edit  (${reason})`)
  const isAll = missing.size === 4 ? ['All of them: is the token still valid, and is it for this account?'] : []
  const remedy = process.env['CLOUDFLARE_API_TOKEN'] ? BY_TOKEN : BY_LOGIN
  return ['these permissions are missing, so nothing was created:', ...lines, ...isAll, remedy].join('\n')
}

/** Makes the stores that are missing, and gives Wrangler the ids of all, because it finds no namespace by its title. */
export async function withStores(api: Api, config: Config, stores: Stores): Promise<Config> {
  const ensure = async (kind: Kind, title: string, known: string | undefined) => {
    const id = known ?? (await api.send<Row>('POST', kind.path, { [kind.title]: title })).result[kind.id]!
    console.log(`  ${known ? 'found' : 'made '}  ${title} (${kind.needs})`)
    return id
  }
  const d1_databases = []
  for (const database of config.d1_databases ?? []) {
    const title = database.database_name ?? config.name
    const known = database.database_id ?? stores.databases.get(title)
    d1_databases.push({ ...database, database_id: await ensure(DATABASES, title, known) })
  }
  const kv_namespaces = []
  const existing = new Set(stores.namespaces.values())
  for (const namespace of config.kv_namespaces ?? []) {
    const title = titleAfter(config.name, namespace.binding)
    const bound = stores.bound.get(namespace.binding) ?? ''
    const known = namespace.id ?? (existing.has(bound) ? bound : stores.namespaces.get(title))
    kv_namespaces.push({ ...namespace, id: await ensure(KV, title, known) })
  }
  for (const title of queuesOf(config)) await ensure(QUEUES, title, stores.queues.get(title))
  return { ...config, d1_databases, kv_namespaces }
}
