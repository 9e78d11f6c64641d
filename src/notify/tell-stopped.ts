import { mayIn, mayRead } from '../access/access.ts'
import { keyOfRef } from '../access/key-of-ref.ts'
import { type PersonStanding, standingsOfPeople } from '../access/standings-of-people.ts'
import { vocabulary } from '../access/vocabulary.ts'
import { isPlaceholder, keysIn, type Vocabulary, type Withheld, withhold } from '../access/withhold.ts'
import { failureWords } from '../build/failure-words.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { parseReference } from '../oci/reference.ts'
import type { Place } from '../people/recipients.ts'
import { digestStopped } from './digest-stopped.ts'
import { insertMail } from './insert-mail.ts'
import { lastingKey } from './link-key.ts'
import { mailDomain } from './mail-headers.ts'
import { planRightsOf } from './plan-rights.ts'
import { type But, placeKey, type StopReader, stopAudience } from './stop-audience.ts'
import { threadOf } from './threads.ts'
import { signUnsubscribe, unsubscribeUrl } from './unsubscribe-token.ts'
import { bearersOf } from './users-at.ts'

type Needs = Pick<Deps, 'jobs' | 'clock' | 'config' | 'mailer' | 'vault'>
/** `base` null: recipes were changed. */
export type Stopped = { id: string; base: string | null; toDigest: string | null }
type Failure = { id: string; ref: string; code: string | null; message: string | null }

/** Failures that a mail names: first those of tags that its readers hear of. */
const mostNamed = 20
/** What is added to the root of a plan that another of the same root took the place of (stretch.ts). */
const retired = /#[0-9a-f-]{36}$/

/**
 * Tells who looks after the base that its fan-out was stopped; where nobody does (a base outside, changed recipes), who looks after the tags
 * whose builds failed (stop-audience.ts). In the transaction that stops it. What somebody who has the address may not read is withheld, but
 * for what the mail's users hear of themselves; why the builds of that failed is told in words, at an address of several where all of them may
 * build there; of others, what kind of fault it was. `but`: who is not written to. Answers the mails' ids.
 */
export async function tellStopped(d: Needs, tx: Tx, plan: Stopped, but: But | null = null): Promise<string[]> {
  const [row] = await tx<{ stops: number; root: string }[]>`select stops, root from plan where id = ${plan.id}`
  const failures = await tx<Failure[]>`
    select distinct on (ref) ref, id, error->>'code' as code, error->>'message' as message from build
    where plan_id = ${plan.id} and state = 'failed' order by ref, finished_at desc`
  const places = {
    base: plan.base === null ? null : placeOf(d, plan.base),
    failed: failures.map(({ ref }) => placeOf(d, ref)),
  }
  const readers = await stopAudience(tx, places, but)
  if (!row || readers.length === 0) return []
  const names = readers.flatMap(({ users, others }) => [...users, ...others])
  const words = await vocabulary({ sql: tx, config: d.config })
  const keys = [...keysIn({ plan, failures }, words), ...places.failed.map(({ namespace }) => namespace)]
  const people = await standingsOfPeople({ sql: tx, config: d.config }, names, keys)
  const rightIn = await planRightsOf({ sql: tx, config: d.config }, names, [plan.id])
  const references = [threadOf(d, row.root.replace(retired, '')), `<plan.${plan.id}@${mailDomain(d.config)}>`]
  const bearers = await bearersOf(tx, names)
  const ids: string[] = []
  for (const reader of readers) {
    const standings = [...reader.users, ...reader.others].flatMap((name) => people.get(name) ?? [])
    const { base, failed, about, named } = toldTo({ config: d.config, words }, { plan, failures }, reader, standings)
    const [userName, ...also] = reader.users as [string, ...string[]]
    const bearer = bearers.get(userName) ?? null
    const leave = (key: string | null) => {
      const namespace = key === null ? null : lastingKey(d, key)
      return unsubscribeUrl(d.config.publicUrl, signUnsubscribe(d.vault, { person: userName, bearer, namespace }))
    }
    const mail = digestStopped(
      {
        ...{ plan: plan.id, base, toDigest: plan.toDigest, failed, more: failures.length - failed.length },
        namespaces: [...new Set(about.map((place) => place.split(' ')[0]!))].sort(),
        right: rightIn(reader.users, plan.id),
      },
      { name: reader.displayName ?? reader.users.join(', '), publicUrl: d.config.publicUrl, now: d.clock(), leave },
    )
    const stop = { id: plan.id, stop: row.stops }
    ids.push(
      await insertMail(d, tx, { ...mail, to: reader.email, userName, also, about, named, references, plan: stop }),
    )
  }
  return ids
}

type Told = {
  base: string | null
  failed: { ref: string; why: string; build: string | null }[]
  /** what its users hear of, of which something is said */
  about: string[]
  /** namespaces of which something is named besides */
  named: string[]
}

/** `people`: all who have the address. */
function toldTo(
  d: Pick<Needs, 'config'> & { words: Vocabulary },
  { plan, failures }: { plan: Stopped; failures: readonly Failure[] },
  { users, others, own }: StopReader,
  people: readonly PersonStanding[],
): Told {
  const { words } = d
  const keyOf = (ref: string) => placeKey(placeOf(d, ref))
  const isOwn = (ref: string) => own.has(keyOf(ref))
  const knowsWhy = (ref: string): boolean => {
    const { namespace } = placeOf(d, ref)
    const builds = ({ principal, standing }: PersonStanding) =>
      mayIn(principal, 'build', namespace, standing(namespace), 'read')
    return isOwn(ref) && (users.length + others.length === 1 || people.every(builds))
  }
  const shown = failures
    .toSorted((a, b) => Number(isOwn(b.ref)) - Number(isOwn(a.ref)))
    .slice(0, mostNamed)
    .map(({ id, ref, code, message }) => {
      const why = knowsWhy(ref) ? (message ?? code ?? '') : failureWords(code)
      return { ref, why, build: id, isOwn: isOwn(ref) }
    })
  const about = [
    ...new Set(
      [
        ...(plan.base !== null && isOwn(plan.base) ? [plan.base] : []),
        ...shown.flatMap((one) => (one.isOwn ? one.ref : [])),
      ].map(keyOf),
    ),
  ]
  const ownKeys = new Set(about.map((place) => place.split(' ')[0]!))
  const isClosed = (key: string) => !people.every(({ principal, standing }) => mayRead(principal, key, standing(key)))
  const isHidden = (key: string) => !ownKeys.has(key) && isClosed(key)
  const before: Withheld = { numbers: new Map(), bare: new Set() }
  withhold({ plan, shown }, words, isHidden, [], before)
  const named = new Set<string>()
  /** A part, of what they hear of themselves or of another's. */
  const said = <T>(part: T, mine: boolean): T => {
    const told = withhold(part, words, mine ? isHidden : isClosed, [], before)
    for (const key of keysIn(told, words)) if (!mine || !ownKeys.has(key)) named.add(key)
    return told
  }
  const failed = shown.map(({ isOwn: mine, build, ...one }) => {
    const told = said(one, mine)
    return { ...told, build: isPlaceholder(told.ref) ? null : build }
  })
  return { base: said(plan.base, plan.base !== null && isOwn(plan.base)), failed, about, named: [...named].sort() }
}

function placeOf(d: Pick<Needs, 'config'>, ref: string): Place {
  const { host, repository } = parseReference(ref)!
  return { namespace: keyOfRef(d, ref), repository: `${host}/${repository}` }
}
