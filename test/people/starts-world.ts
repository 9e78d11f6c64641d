import { mergePeople } from '../../src/people/merge-people.ts'
import { namespaceKey } from '../../src/people/namespace-key.ts'
import type { TestDatabase } from '../support/postgres.ts'

/** One of the registries there are, whatever it is called. */
type Registry = 'A' | 'B'
/** A start: what is configured, and whose it is. */
export type Start = { registries: string[]; own: [name: string, of: Registry][] }

export const starts: Start[] = [
  { registries: [], own: [] },
  { registries: ['a.test'], own: [['a.test', 'A']] },
  { registries: ['b.test'], own: [['b.test', 'B']] },
  {
    registries: ['a.test', 'b.test'],
    own: [
      ['a.test', 'A'],
      ['b.test', 'B'],
    ],
  },
  { registries: ['c.test=a.test'], own: [['c.test', 'A']] },
  {
    registries: ['b.test', 'c.test=a.test'],
    own: [
      ['b.test', 'B'],
      ['c.test', 'A'],
    ],
  },
  { registries: ['watch a.test'], own: [] },
  { registries: ['b.test', 'watch a.test'], own: [['b.test', 'B']] },
]

/** Whose a fact is: nobody's where it was said of a key without a host while that was of none. */
type Fact = { what: string; of: Registry | 'nobody' | 'the first' }

/** What was said of namespaces so far, and whose it must be. Facts have names that no other has; one credential has the same name everywhere. */
export type World = { facts: Fact[]; last: Start; first: boolean; deploys: Map<string, string>; said: number }

export const newWorld = (): World => ({ facts: [], last: starts[0]!, first: true, deploys: new Map(), said: 0 })

const nameOf = (start: Start): string => start.registries.filter((one) => !one.startsWith('watch')).join()

/** That a start has any registry decides what was said of keys without a host before there was ever one, and of those of none. */
export function follow(world: World, start: Start): void {
  if (start.own.length === 0) return
  if (nameOf(start) !== nameOf(world.last)) world.deploys.delete('nobody')
  const [only, other] = start.own
  for (const fact of world.facts) if (fact.of === 'the first') fact.of = only && !other ? only[1] : 'nobody'
  const early = world.deploys.get('the first')
  world.deploys.delete('the first')
  if (early !== undefined && only && !other) world.deploys.set(only[1], early)
  world.last = start
  world.first = false
}

/** Each namespace that somebody could name now is told something of, as the API would. */
export async function say(pg: TestDatabase, world: World, start: Start): Promise<void> {
  for (const [name, of] of start.own) await sayOf(pg, world, namespaceKey(name, 'app', start.own.length), of)
  if (start.own.length > 0) return
  const [only, other] = world.last.own
  await sayOf(pg, world, 'app', world.first ? 'the first' : only && !other ? only[1] : 'nobody')
}

async function sayOf({ sql }: TestDatabase, world: World, key: string, of: Fact['of']): Promise<void> {
  world.said += 1
  const what = `f${world.said}`
  const replaced = world.deploys.get(of)
  world.facts = world.facts.filter((fact) => fact.what !== `deploy ${replaced}`)
  world.deploys.set(of, what)
  world.facts.push({ what, of }, { what: `deploy ${what}`, of })
  await sql.begin(async (tx) => {
    await tx`insert into person_said (source, name, email) values ('local', ${what}, ${`${what}@example.org`})`
    await tx`insert into namespace_said (source, key) values ('local', ${key}) on conflict do nothing`
    await tx`insert into member_said (source, namespace_key, user_name, role) values ('local', ${key}, ${what}, 'owner')`
    await mergePeople(tx, { people: [what], namespaces: [key], members: [{ namespace: key, user: what }] })
    await tx`insert into audit (at, actor, via, action, subject, namespace, request_id) values (now(), 'x', 'session', 'PUT', ${what}, ${key}, 'r')`
    await tx`insert into token (user_name, name, hash, scopes, created_at) values (${what}, 't', ${what}, ${[`manage:${key}`]}, now())`
    await tx`insert into notify_namespace (user_name, namespace_key, every) values (${what}, ${key}, 'off')`
    for (const [name, one] of [
      [what, what],
      ['deploy', `deploy ${what}`],
    ])
      await tx`
        insert into credential (namespace_key, name, kind, url_prefix, sealed, updated_at) values (${key}, ${name!}, 'git', ${one!}, 's', now())
        on conflict (namespace_key, name) do update set url_prefix = excluded.url_prefix`
  })
}

/** What is stored, each with the key it stands under; `member`s are derived. */
export const stored = ({ sql }: TestDatabase) => sql<{ place: string; key: string; what: string }[]>`
  select * from (
    select 'member_said' as place, namespace_key as key, user_name as what from member_said
    union all select 'audit', namespace, subject from audit
    union all select 'token', substr(scopes[1], 8), user_name from token
    union all select 'notify_namespace', namespace_key, user_name from notify_namespace
    union all select 'credential', namespace_key, url_prefix from credential
    union all select 'member', namespace_key, user_name from member) as found order by place, key, what`

/** What must be stored under a key, in each place. */
export function expectedOf(world: World, of: Registry): { [place: string]: string[] } {
  const all = world.facts
    .filter((fact) => fact.of === of)
    .map(({ what }) => what)
    .sort()
  const plain = all.filter((what) => !what.startsWith('deploy'))
  return { member_said: plain, audit: plain, token: plain, notify_namespace: plain, credential: all, member: plain }
}
