import { refresh } from '../../src/staleness/refresh.ts'
import { testDeps } from '../support/deps.ts'
import { estate, layer } from '../support/estate.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { markDirty, storeEstate } from '../support/store-estate.ts'
import { host } from './small-world.ts'
import type { TestApi } from './start-api.ts'

/** One namespace of each visibility, and one more with members of its own. Their names occur nowhere else. */
export const visibilities = { hush: 'private', guarded: 'protected', plaza: 'public', elsewhere: 'private' } as const
export type Ns = keyof typeof visibilities
export const namespaces = Object.keys(visibilities) as Ns[]
/** A repository and a tag of each, built on its `run`, in words that occur nowhere else. */
export const rooms = {
  ...{ hush: 'whisperroom:whispertag', guarded: 'guardroom:guardtag', plaza: 'marketroom:markettag' },
  elsewhere: 'farroom:fartag',
} as const
export type Role = 'viewer' | 'contributor' | 'owner' | null

/** Somebody who calls: what they send, and what this test holds of them, in words of its own. */
export type Caller = {
  name: string
  /** whose address they may see; empty: nobody's */
  user: string
  headers: Record<string, string>
  known: boolean
  admin: boolean
  roles: Partial<Record<Ns, Role>>
  /** what a token is narrowed to; null: nothing */
  scope: { level: 0 | 1 | 2 | 3; only: Ns | null } | null
}

/**
 * hush/base:1 ← guarded/run:1 ← plaza/run:1 ← elsewhere/run:1, and hush/base:1 ← hush/run:1, plaza/plain:1 (by layers alone); then hush/base:1 moves, its old content stays at
 * hush/base:old. In each namespace a recipe, a build that failed because of that base, a plan, a policy, a pause, a snooze.
 */
export async function storeAccessWorld(
  pg: TestDatabase,
  api: TestApi,
  { rooms: withRooms = false } = {},
): Promise<Record<Ns, Record<string, string>>> {
  const e = estate()
  const base = e.build([layer('a')])
  const moved = e.build([layer('a2')])
  e.push('hush/base:1', base)
  e.push('hush/base:old', base)
  let below = { built: base, ref: 'hush/base:1' }
  const hush = e.from(base, [layer('hush')])
  e.push('hush/run:1', hush)
  if (withRooms) e.push(`hush/${rooms.hush}`, e.from(hush, [layer(rooms.hush)]))
  e.push('plaza/plain:1', e.from(base, [layer('plain')]))
  for (const ns of ['guarded', 'plaza', 'elsewhere'] as const) {
    const built = e.from(below.built, [layer(ns)])
    e.push(`${ns}/run:1`, built)
    e.declare(built, 'annotation', { name: `${host}/${below.ref}`, digest: e.digest(below.built) })
    if (withRooms) e.push(`${ns}/${rooms[ns]}`, e.from(built, [layer(rooms[ns])]))
    below = { built, ref: `${ns}/run:1` }
  }
  e.push('hush/base:1', moved)
  await storeEstate(pg.sql, e.rows())
  const dirty = e.rows().tags.map((tag) => ({ kind: 'tag' as const, key: tag.ref }))
  await markDirty(pg.sql, dirty)
  await refresh(testDeps(pg))
  for (const name of ['owen', 'cora', 'vera', 'stranger', 'gone', 'someone', 'root'])
    await put(api, `users/${name}`, {
      email: `${name}@example.org`,
      displayName: `${name} the Person`,
      admin: name === 'root',
    })
  const ids = {} as Record<Ns, Record<string, string>>
  for (const ns of namespaces) ids[ns] = await furnish(pg, api, ns)
  await pg.sql`
    insert into snooze (kind, ref, reason, author, created_at, expires_at)
    values ('base', ${`${host}/hush/base:1`}, ${`${host}/hush/base is broken`}, 'root', now(), now() + interval '1 day')`
  await pg.sql`
    insert into mail (message_id, user_name, "to", subject, text, html, state)
    select '<' || name || '>', name, email, 'reg:5000/hush/base:1 moved', 'see reg%3A5000%2Fhush%2Fbase%3A1', '<b>reg:5000/hush/base</b>', 'kept' from person`
  return ids
}

export async function put(api: TestApi, path: string, body: object): Promise<void> {
  const answer = await api.call('PUT', path, { body })
  if (answer.status >= 300) throw new Error(`PUT ${path}: ${answer.status} ${answer.text}`)
}

async function furnish(pg: TestDatabase, api: TestApi, ns: Ns): Promise<Record<string, string>> {
  const { sql } = pg
  const ref = `${host}/${ns}/run:1`
  await put(api, `namespaces/${ns}`, { visibility: visibilities[ns] })
  const roles = { owen: 'owner', cora: 'contributor', vera: 'viewer', gone: 'owner', someone: 'viewer' }
  for (const [user, role] of Object.entries(ns === 'elsewhere' ? { stranger: 'owner' } : roles))
    await put(api, `namespaces/${ns}/members/${user}`, { role })
  await put(api, `recipes/${encodeURIComponent(ref)}`, { strategy: 'rebase' })
  await put(api, `namespaces/${ns}/credentials/n`, { urlPrefix: 'https://git.test/', kind: 'git', password: 'p' })
  await put(api, `namespaces/${ns}/git-hook`, {})
  await put(api, `policies/${ns}`, {})
  await put(api, `pauses/${ns}`, { reason: `${ns} is quiet` })
  const reason = { kind: 'base-moved', base: `${host}/hush/base:1`, from: 'sha256:f', to: 'sha256:t' }
  const error = { code: 'base-absent', message: 'hush/base has no layer; GET http://reg:5000/v2/hush/base/manifests/1' }
  const [plan] = await sql<{ id: string }[]>`
    insert into plan (root, base, from_digest, to_digest, state, because, cycles)
    values (${`${host}/hush/base:1@sha256:${ns}`}, ${`${host}/${ns}/base:1`}, 'sha256:f', 'sha256:t', 'approval',
      ${sql.json({ code: 'large', message: `of ${host}/hush/base:1` })}, '[]') returning id`
  await sql`
    insert into plan_node (plan_id, ref, level, waits_for) values (${plan!.id}, ${ref}, 1, ${[`${host}/hush/base:1`]})`
  const [build] = await sql<{ id: string }[]>`
    insert into build (ref, key, state, builder, reason, root, recipe, created_at, started_at, finished_at, digest, error, namespace_key, plan_id)
    values (${ref}, 'k', 'failed', 'rebase', ${sql.json(reason)}, ${`${host}/hush/base:1@sha256:x`}, '{}', now(), now(), now(),
      null, ${sql.json(error)}, ${ns}, ${plan!.id}) returning id`
  await sql`insert into build_log (build_id, seq, at, text) values (${build!.id}, 0, now(), 'a log')`
  const mine = { delivery: crypto.randomUUID(), snooze: crypto.randomUUID(), token: crypto.randomUUID() }
  const ids = { plan: plan!.id, build: build!.id, mail: crypto.randomUUID(), event: crypto.randomUUID(), ...mine }
  await sql`
    insert into mail (id, message_id, user_name, "to", subject, text, html, state)
    values (${ids.mail}, ${`<${ids.mail}>`}, 'someone', 'someone@example.org', ${`${ns} moved`}, ${ref}, ${ref}, 'kept')`
  await sql`
    insert into event (id, registry_id, event_id, action, repository, at)
    select ${ids.event}, id, ${ids.event}, 'push', ${`${ns}/run`}, 1 from registry where name = ${host}`
  await put(api, 'address-faults/someone@example.org', { message: `of ${ns}` })
  await restore(pg, api, ns, ids)
  return ids
}

/** Puts back what a call may have removed: somebody's token, the snooze of a namespace's tag, its channel with a delivery. */
export async function restore({ sql }: TestDatabase, api: TestApi, ns: Ns, ids: Record<string, string>): Promise<void> {
  const ref = `${host}/${ns}/run:1`
  await sql`
    with gone as (delete from snooze where kind = 'tag' and ref = ${ref} and id <> ${ids.snooze!})
    insert into snooze (id, kind, ref, reason, author, created_at, expires_at)
    values (${ids.snooze!}, 'tag', ${ref}, ${`until ${host}/hush/base:1 is mended`}, 'root', now(), now() + interval '1 day')
    on conflict do nothing`
  await sql`
    insert into token (id, user_name, name, hash, scopes, created_at) values (${ids.token!}, 'someone', ${`for ${ns}`}, ${ids.token!}, '{}', now())
    on conflict (id) do update set revoked_at = null`
  const [delivery] = await sql`select from delivery where id = ${ids.delivery!}`
  if (delivery) return
  await put(api, `namespaces/${ns}/channels/n`, { kind: 'slack', url: 'https://chat.test/hook' })
  await sql`
    insert into delivery (id, channel_id, type, body, state, attempts, created_at, since)
    select ${ids.delivery!}, id, 't', '{}', 'failed', 1, now(), now() from channel where namespace_key = ${ns}`
}
