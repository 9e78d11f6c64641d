import { buildersIn } from '../access/builders-in.ts'
import { personCalled } from '../access/principal.ts'
import { vocabulary, withheldFrom } from '../access/withheld-from.ts'
import { keysIn } from '../access/withhold.ts'
import { failureWords } from '../build/failure-words.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { namespaceOf, parseReference } from '../oci/reference.ts'
import { namespaceKey } from '../people/namespace-key.ts'
import { type Place, type Recipient, recipientsByNamespace } from '../people/recipients.ts'
import { cleanText } from './digest-clean.ts'
import { insertMail } from './insert-mail.ts'
import { mailDomain } from './mail-headers.ts'

type Needs = Pick<Deps, 'jobs' | 'clock' | 'config' | 'mailer'>
/** `base` null: recipes were changed. */
export type Stopped = { id: string; base: string | null; toDigest: string | null }
type Failure = { ref: string; code: string | null; message: string | null }

/** How the id of the thread begins that a plan's mails are of: it is followed by the plan's id and "@". By it such a mail is found. */
export const planThread = '<plan.'

/** Failures that a mail names. */
const mostNamed = 20

/**
 * Tells the owners and contributors of the base's namespace that its fan-out was stopped; where it has none (a base outside, changed
 * recipes), those of the tags whose builds failed. One mail an address, in the transaction that stops it; why a build failed is told in words
 * to who may build there alone. `but`: addresses, in small letters, that are not written to. Answers the mails' ids.
 */
export async function tellStopped(
  d: Needs,
  tx: Tx,
  plan: Stopped,
  but: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const ids: string[] = []
  const references = [`${planThread}${plan.id}@${mailDomain(d.config)}>`]
  const failures = await tx<Failure[]>`
    select distinct on (ref) ref, error->>'code' as code, error->>'message' as message from build
    where plan_id = ${plan.id} and state = 'failed' order by ref, finished_at desc`
  const ofBase = plan.base === null ? [] : [placeOf(d, plan.base)]
  const own = await recipientsByNamespace({ sql: tx }, ofBase)
  const places = own.size > 0 ? ofBase : failures.map(({ ref }) => placeOf(d, ref))
  const people = own.size > 0 ? own : await recipientsByNamespace({ sql: tx }, places)
  const about = places.map(({ namespace, repository }) => `${namespace} ${repository}`)
  const byAddress = new Map([...people.values()].flat().map((person) => [person.email.toLowerCase(), person]))
  for (const [address, person] of byAddress) {
    if (but.has(address)) continue
    const readable = { sql: tx, config: d.config }
    const reader = personCalled(person.userName)
    const keyOf = ({ ref }: Failure) => placeOf(d, ref).namespace
    const mayBuild = await buildersIn(readable, reader, failures.map(keyOf))
    const known = failures.map((failed) =>
      mayBuild(keyOf(failed)) ? failed : { ...failed, message: failureWords(failed.code) },
    )
    const said = await withheldFrom(readable, reader, { plan, failures: known })
    const own = new Set(places.map(({ namespace }) => namespace))
    const named = [...keysIn(said, vocabulary(d))].filter((key) => !own.has(key))
    ids.push(await insertMail(d, tx, { ...letter(d, said.plan, said.failures, person), about, named, references }))
  }
  return ids
}

function placeOf({ config }: Needs, ref: string): Place {
  const { host, repository } = parseReference(ref)!
  const namespace = namespaceKey(host, namespaceOf(repository), config.registries.length)
  return { namespace, repository: `${host}/${repository}` }
}

function letter({ config }: Needs, { id, base, toDigest }: Stopped, failures: Failure[], person: Recipient) {
  const named = failures
    .slice(0, mostNamed)
    .map(({ ref, code, message }) => [ref, cleanText(message ?? code ?? '')] as const)
  const more = failures.length - named.length
  const change = base === null ? 'recipes that were changed' : `${base} at ${toDigest}`
  const facts = `More than half of the first builds on ${change} failed. Nothing more is built for it until somebody approves the plan.`
  const approve = `drydock approve ${id}`
  const hello = `Hello ${cleanText(person.displayName ?? person.userName)},`
  const text = [
    ...[hello, '', facts, '', 'Failed:', ...named.map(([ref, why]) => `  ${ref}: ${why}`)],
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...['', 'To go on, when it is mended:', `  ${approve}`, `Service: ${config.publicUrl}`, ''],
  ].join('\n')
  const items = named.map(([ref, why]) => `<li><code>${escaped(ref)}</code>: ${escaped(why)}</li>`).join('')
  const html = `<p>${escaped(hello)}</p><p>${escaped(facts)}</p><p>Failed:</p><ul>${items}${more > 0 ? `<li>and ${more} more</li>` : ''}</ul><p>To go on, when it is mended: <code>${escaped(approve)}</code> (<a href="${escaped(config.publicUrl)}">${escaped(config.publicUrl)}</a>)</p>`
  return {
    to: person.email,
    userName: person.userName,
    subject: `Stopped: rebuilds on ${base ?? 'changed recipes'} fail`,
    text,
    html,
  }
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
