import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { PeopleError } from '../people/people-error.ts'
import { isTimeZone } from './digest-schedule.ts'

export const Every = z.enum(['immediately', 'daily', 'weekly', 'off'])
export type Every = z.infer<typeof Every>

/**
 * How a person wants to hear. `namespaces`: of these (by key) otherwise than `every`. `hour`: of the time zone, for daily mails, and on
 * Monday for weekly ones. `rebuilt`, `failed`, `still`: follow-ups wanted. What a PUT leaves out is as by default.
 */
export const NotifySettings = z
  .strictObject({
    every: Every.default('immediately'),
    timeZone: z.string().max(64).refine(isTimeZone, 'is no time zone, as Europe/Berlin is one').default('UTC'),
    hour: z.int().min(0).max(23).default(8),
    rebuilt: z.boolean().default(false),
    failed: z.boolean().default(true),
    still: z.boolean().default(true),
    namespaces: z.record(z.string().min(1).max(512), Every).default({}),
  })
  .refine(({ namespaces }) => Object.keys(namespaces).length <= 500, 'more than 500 namespaces')
export type NotifySettings = z.infer<typeof NotifySettings>

/** Error: `no-such-user`. */
export async function getNotifySettings({ db }: Pick<Deps, 'db'>, person: string): Promise<NotifySettings> {
  const known = await db.user.count({ where: { name: person } })
  if (known === 0) throw new PeopleError('no-such-user', `no user "${person}"`)
  const mine = await db.notifyPerson.findUnique({ where: { userName: person } })
  const own = await db.notifyNamespace.findMany({ where: { userName: person }, orderBy: { namespaceKey: 'asc' } })
  const { userName: _, ...said } = mine ?? { userName: person }
  const namespaces = Object.fromEntries(own.map(({ namespaceKey, every }) => [namespaceKey, every]))
  return NotifySettings.parse({ ...said, namespaces })
}

/**
 * In the place of what was there. What waits and is not wanted now is taken back: should it be wanted again, what is outdated still is told
 * anew. Key: the person. Error: `no-such-user`.
 */
export async function putNotifySettings(
  d: Pick<Deps, 'sql' | 'jobs'>,
  person: string,
  { every, timeZone, hour, rebuilt, failed, still, namespaces }: NotifySettings,
): Promise<void> {
  await d.sql.begin(async (tx) => {
    const [known] = await tx`select 1 from person where name = ${person} for key share`
    if (!known) throw new PeopleError('no-such-user', `no user "${person}"`)
    await tx`
      insert into notify_person (user_name, every, time_zone, hour, rebuilt, failed, still)
      values (${person}, ${every}::every, ${timeZone}, ${hour}, ${rebuilt}, ${failed}, ${still})
      on conflict (user_name) do update set every = excluded.every, time_zone = excluded.time_zone, hour = excluded.hour,
        rebuilt = excluded.rebuilt, failed = excluded.failed, still = excluded.still`
    await tx`delete from notify_namespace where user_name = ${person}`
    await tx`
      insert into notify_namespace (user_name, namespace_key, every)
      select ${person}, own.key, own.every::every
      from unnest(${Object.keys(namespaces)}::text[], ${Object.values(namespaces)}::text[]) as own (key, every)`
    await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
  })
}

/**
 * What an unsubscribe link asks for: no mail of a namespace, or none at all; for the person and whoever else has their address, since the
 * mailbox is one. Answers how it was before, by person, so that it can be set back.
 */
export async function unsubscribe(
  d: Pick<Deps, 'sql' | 'jobs' | 'db'>,
  { person, namespace }: { person: string; namespace: string | null },
): Promise<Record<string, NotifySettings>> {
  const before: Record<string, NotifySettings> = {}
  for (const name of await withSameAddress(d, person)) {
    const settings = await getNotifySettings(d, name)
    before[name] = settings
    const namespaces: NotifySettings['namespaces'] =
      namespace === null ? {} : { ...settings.namespaces, [namespace]: 'off' }
    await putNotifySettings(d, name, { ...settings, ...(namespace === null ? { every: 'off' } : {}), namespaces })
  }
  return before
}

/** Whether nothing comes to that mailbox of it. */
export async function isUnsubscribed(
  d: Pick<Deps, 'sql' | 'db'>,
  { person, namespace }: { person: string; namespace: string | null },
): Promise<boolean> {
  for (const name of await withSameAddress(d, person)) {
    const { every, namespaces } = await getNotifySettings(d, name)
    const all = [every, ...Object.values(namespaces)]
    if (namespace === null ? all.some((one) => one !== 'off') : (namespaces[namespace] ?? every) !== 'off') return false
  }
  return true
}

const withSameAddress = async ({ sql }: Pick<Deps, 'sql'>, person: string): Promise<string[]> =>
  (
    await sql<{ name: string }[]>`
      select other.name from person p join person other on other.name = p.name or (p.email <> '' and lower(other.email) = lower(p.email))
      where p.name = ${person} order by other.name`
  ).map(({ name }) => name)
