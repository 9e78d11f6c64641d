/**
 * in: a tag.
 * out: what a new push of it would rebuild, in which order, what not and why, and who would be told.
 * guarantees: nothing is changed; all is read in one snapshot, by a number of statements that does not depend on how many tags there are.
 */
import { mayIn, mayRead } from '../access/access.ts'
import { keyOfRef, keyOfRowSql } from '../access/key-of-ref.ts'
import type { Principal } from '../access/principal.ts'
import { readsEverything, seesAddressOf } from '../access/readable-by.ts'
import { standingsOf, unknownStanding } from '../access/standing.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { recipientsByNamespace } from '../people/recipients.ts'
import { loadPreview } from '../plan/load-preview.ts'
import { preview } from '../plan/preview.ts'
import { type Decision, decisions, silentDecisions } from '../plan/preview-node.ts'
import type { FoundTag } from './find-tag.ts'
import type { PushPlan } from './schemas/plan.ts'

type Needs = Pick<Deps, 'sql' | 'config' | 'clock'>

export async function pushPlan(d: Needs, principal: Principal, { ref, digest }: FoundTag): Promise<PushPlan> {
  return d.sql.begin('isolation level repeatable read read only', async (tx) => {
    const { input, dependents, truncated } = await loadPreview(d, tx, ref)
    const { nodes, cycles, seconds, cut } = preview(input)
    const isOpen = await openRefs(d, tx, principal, nodes)
    const open = nodes.filter(isOpen)
    const counts = Object.fromEntries(
      decisions.map((decision) => [decision, open.filter((node) => node.decision === decision).length]),
    ) as Record<Decision, number>
    const heard = nodes.filter((node) => !silentDecisions.has(node.decision)).map((node) => node.ref)
    const told = await toldOf(d, tx, principal, heard)
    return { ref, digest, dependents, truncated: truncated || cut, counts, seconds, nodes, cycles, told }
  }) as Promise<PushPlan>
}

/** Of which nodes the principal may read: others stand in the plan withheld, and are counted among `dependents` alone. */
async function openRefs(
  { config }: Needs,
  tx: Tx,
  principal: Principal,
  nodes: readonly { ref: string }[],
): Promise<(node: { ref: string }) => boolean> {
  if (readsEverything(principal)) return () => true
  const keyOf = ({ ref }: { ref: string }) => keyOfRef({ config }, ref)
  const standings = await standingsOf({ sql: tx, config }, principal, [...new Set(nodes.map(keyOf))])
  return (node) => mayRead(principal, keyOf(node), standings.get(keyOf(node)) ?? unknownStanding)
}

/**
 * By namespace, with those that have nobody to tell: of what the principal may read. Whom, only where they are told themselves, as
 * contributors and owners (or admins); at which address, only admins and themselves.
 */
export async function toldOf(
  { config }: Needs,
  tx: Tx,
  principal: Principal,
  refs: string[],
): Promise<PushPlan['told']> {
  const rows = await tx<{ namespace: string; tags: number; repositories: string[] }[]>`
    select ${keyOfRowSql(tx, { config })} as namespace,
      count(*)::int as tags, array_agg(distinct g.name || '/' || r.name) as repositories
    from tag t join repository r on r.id = t.repository_id join registry g on g.id = r.registry_id
    where t.ref = any(${refs}) group by 1 order by 1`
  const standings = await standingsOf(
    { sql: tx, config },
    principal,
    rows.map(({ namespace }) => namespace),
  )
  const standing = (key: string) => standings.get(key) ?? unknownStanding
  const seen = rows.filter(({ namespace }) => mayRead(principal, namespace, standing(namespace)))
  const open = seen.filter(({ namespace }) => mayIn(principal, 'build', namespace, standing(namespace), 'read'))
  const places = open.flatMap(({ namespace, repositories }) =>
    repositories.map((repository) => ({ namespace, repository })),
  )
  const people = await recipientsByNamespace({ sql: tx }, places)
  return seen.map(({ namespace, tags }) => ({
    namespace,
    tags,
    people: (people.get(namespace) ?? []).map(({ userName, email }) => ({
      ...{ user: userName, email: seesAddressOf(principal, userName) ? email : null },
    })),
  }))
}
