/**
 * In: what a link in a mail stands for: a person and a namespace, or all mails.
 * Out: their wishes and those of whoever else has their address, since the mailbox is one.
 * Guarantees: a link that was its name's last bearer's does nothing; nothing but what the link is of is written; links followed at once are done one after another; none is refused for what is stored.
 */
import { z } from 'zod'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { Every, getNotifySettings, settingsLock } from './notify-settings.ts'
import type { Unsubscribe } from './unsubscribe-token.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'db'>

/** What a link changes, as it was, by person: of a link for one namespace that alone; `every` null there. */
export const Before = z.record(
  z.string(),
  z.strictObject({
    every: Every.nullable(),
    namespaces: z.record(z.string(), Every),
    bearer: z.uuid().nullable().default(null),
  }),
)
export type Before = z.infer<typeof Before>

/** off: nobody with that address gets any of it. nobody: there is no such person, or the name is somebody else's now. */
export type Mailbox = 'on' | 'off' | 'nobody'

/** No mail of a namespace, or none at all. Answers how it was, so that it can be set back. */
export const unsubscribe = (d: Needs, link: Unsubscribe): Promise<{ was: Mailbox; before: Before }> =>
  changed(d, async (tx) => {
    const { namespace } = link
    const { names, was, before } = await wishesOf({ ...d, sql: tx }, link)
    if (namespace === null) {
      await tx`
        insert into notify_person (user_name, every) select name, 'off'::every from unnest(${names}::text[]) as one (name)
        on conflict (user_name) do update set every = excluded.every`
      await tx`delete from notify_namespace where user_name = any(${names})`
    } else
      await tx`
        insert into notify_namespace (user_name, namespace_key, every) select name, ${namespace}, 'off'::every from unnest(${names}::text[]) as one (name)
        on conflict (user_name, namespace_key) do update set every = excluded.every`
    return { was, before }
  })

/** As it was before. */
export const setBack = (d: Needs, { namespace }: Unsubscribe, before: Before): Promise<void> =>
  changed(d, async (tx) => {
    const bearers = Object.values(before).map(({ bearer }) => bearer)
    const known = await tx<{ name: string }[]>`
      select p.name from person p join unnest(${Object.keys(before)}::text[], ${bearers}::text[]) as said (name, bearer) on said.name = p.name
      where p.bearer is not distinct from said.bearer::uuid order by p.name for key share of p`
    for (const { name } of known) {
      const { every, namespaces } = before[name]!
      await tx`delete from notify_namespace where user_name = ${name} and (${namespace}::text is null or namespace_key = ${namespace})`
      await tx`
        insert into notify_namespace (user_name, namespace_key, every) select ${name}, own.key, own.every::every
        from unnest(${Object.keys(namespaces)}::text[], ${Object.values(namespaces)}::text[]) as own (key, every)`
      if (every !== null) await tx`update notify_person set every = ${every}::every where user_name = ${name}`
    }
  })

/**
 * Where nobody gets any of it and how it was is not known: mails at once; of a namespace as all others, or at once where all others are off.
 * Answers how it was.
 */
export const wantAgain = (d: Needs, link: Unsubscribe): Promise<Mailbox> =>
  changed(d, async (tx) => {
    const { namespace } = link
    const { names, was } = await wishesOf({ ...d, sql: tx }, link)
    if (was !== 'off') return was
    await tx`
      delete from notify_namespace where user_name = any(${names}) and (${namespace}::text is null or namespace_key = ${namespace})`
    if (namespace === null) await tx`update notify_person set every = 'immediately' where user_name = any(${names})`
    else
      await tx`
        insert into notify_namespace (user_name, namespace_key, every)
        select user_name, ${namespace}, 'immediately' from notify_person where user_name = any(${names}) and every = 'off'`
    return was
  })

export const mailboxOf = async (d: Pick<Deps, 'sql' | 'db'>, link: Unsubscribe): Promise<Mailbox> =>
  (await wishesOf(d, link)).was

async function wishesOf(
  d: { sql: Tx; db: Deps['db'] },
  link: Unsubscribe,
): Promise<{ names: string[]; was: Mailbox; before: Before }> {
  const { namespace } = link
  const people = await withSameAddress(d, link)
  const before: Before = {}
  let was: Mailbox = people.length > 0 ? 'off' : 'nobody'
  for (const { name, bearer } of people) {
    const { every, namespaces } = await getNotifySettings(d, name)
    const own = namespace === null ? undefined : namespaces[namespace]
    before[name] =
      namespace === null
        ? { every, namespaces, bearer }
        : { every: null, namespaces: own === undefined ? {} : { [namespace]: own }, bearer }
    const all = namespace === null ? [every, ...Object.values(namespaces)] : [own ?? every]
    if (all.some((one) => one !== 'off')) was = 'on'
  }
  return { names: people.map(({ name }) => name), was, before }
}

const changed = <T>(d: Needs, work: (tx: Tx) => Promise<T>): Promise<T> =>
  d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${settingsLock})`
    const done = await work(tx)
    await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
    return done
  }) as Promise<T>

type Bearer = { name: string; bearer: string | null }

const withSameAddress = ({ sql }: { sql: Tx }, { person, bearer }: Unsubscribe): Promise<Bearer[]> => sql<Bearer[]>`
  select other.name, other.bearer from person p
  join person other on other.name = p.name or (p.email <> '' and lower(other.email) = lower(p.email))
  where p.name = ${person} and p.bearer is not distinct from ${bearer}::uuid order by other.name`
