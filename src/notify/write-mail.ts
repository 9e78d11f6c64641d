import type { Deps } from '../deps.ts'
import { digest } from './digest.ts'
import type { Told } from './digest-outline.ts'
import { lastingKey } from './link-key.ts'
import type { Due, DuePerson } from './load-waiting.ts'
import type { PlanRights } from './plan-rights.ts'
import type { Readers } from './readers.ts'
import type { Written } from './save-mails.ts'
import { threadsOf } from './threads.ts'
import { signUnsubscribe, unsubscribeUrl } from './unsubscribe-token.ts'

type Needs = Pick<Deps, 'config' | 'vault' | 'clock' | 'log' | 'sql'>

/** A notice that no mail can be written of, and why. */
export type Faulty = { id: number; error: string }

/**
 * The mail to one address. What cannot be written is left out, with its reason; `mail` null: nothing is left. `readers`: of what
 * not all who have the address may read, since the mailbox is one, and what its users may do; `rightIn`: about plans.
 */
export function writeMail(
  d: Needs,
  person: DuePerson,
  readers: Readers,
  rightIn: PlanRights,
): { mail: Written | null; faulty: Faulty[] } {
  const whole = attempt(d, person, readers, rightIn)
  if (typeof whole !== 'string') return { mail: whole, faulty: [] }
  const each = person.notices.map((notice) => ({
    notice,
    said: attempt(d, { ...person, notices: [notice] }, readers, rightIn),
  }))
  const faulty = each.flatMap(({ notice, said }) => (typeof said === 'string' ? { id: notice.id, error: said } : []))
  const sound = each.flatMap(({ notice, said }) => (typeof said === 'string' ? [] : notice))
  const rest = sound.length === 0 ? null : attempt(d, { ...person, notices: sound }, readers, rightIn)
  if (typeof rest !== 'string') return { mail: rest, faulty }
  return { mail: null, faulty: [...faulty, ...sound.map(({ id }) => ({ id, error: rest }))] }
}

/** The mail, or why it cannot be written. */
function attempt(d: Needs, person: DuePerson, readers: Readers, rightIn: PlanRights): Written | string {
  try {
    return written(d, person, readers, rightIn)
  } catch (error) {
    d.log.error({ err: error, users: person.users }, 'a mail could not be written')
    return error instanceof Error ? error.message : String(error)
  }
}

function written(
  d: Needs,
  { users, others, bearers, email, displayName, notices }: DuePerson,
  readers: Readers,
  rightIn: PlanRights,
): Written {
  const { publicUrl } = d.config
  const userName = users[0]!
  const bearer = bearers.get(userName) ?? null
  const leave = (key: string | null): string => {
    const namespace = key === null ? null : lastingKey(d, key)
    return unsubscribeUrl(publicUrl, signUnsubscribe(d.vault, { person: userName, bearer, namespace }))
  }
  const { told, named } = readers.hide([...users, ...others], notices.map(toldOf))
  const rights = {
    plan: (plan: string) => rightIn(users, plan),
    build: (namespace: string, leader?: string) => readers.mayBuild(users, namespace, leader),
    read: (namespace: string) => readers.mayRead(users, namespace),
  }
  const mail = digest(told, { name: displayName ?? users.join(', '), publicUrl, now: d.clock(), leave, rights })
  return {
    ...mail,
    ...{ userName, to: email, references: threadsOf(d, notices), named },
    notices: notices.map(({ id, outlook }) => ({ id, told: outlook.fate })),
  }
}

function toldOf({ kind, namespace, ref, content, odd, outlook, build }: Due): Told {
  if (content === null) throw new Error(odd)
  return { kind, namespace, ref, content, outlook, ...(build ? { build } : {}) }
}

/** They wait, and are tried again later. */
export async function markFaulty(
  { sql, clock }: Pick<Deps, 'sql' | 'clock'>,
  faulty: readonly Faulty[],
): Promise<void> {
  await sql`
    update notice set error = said.error, tried_at = ${clock()}
    from unnest(${faulty.map(({ id }) => id)}::bigint[], ${faulty.map(({ error }) => error.slice(0, 2000))}::text[]) as said (id, error)
    where notice.id = said.id and notice.mail_id is null`
}
