import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { lockPeople, mergePeople } from '../people/merge-people.ts'
import { EmailAddress, oneLine, UserName } from '../people/person.ts'
import type { OidcConfig } from '../sign-in-settings.ts'
import type { OidcClaims } from './oidc.ts'
import { OidcError } from './oidc-error.ts'
import { bootstrap } from './principal.ts'

/**
 * Which person a provider's subject is. At the first sign-in it is tied to the known and enabled person of its name, unless another
 * subject of the provider is that already; from then on the subject alone counts, whatever the provider calls it. `autoCreate`: a
 * name that nobody has, not even with other capitals, becomes a person. An address never finds anybody. Error: `oidc-nobody`.
 */
export function identifyPerson(
  d: Pick<Deps, 'sql' | 'clock'>,
  { issuer, autoCreate }: Pick<OidcConfig, 'issuer' | 'autoCreate'>,
  claims: OidcClaims,
): Promise<string> {
  return d.sql.begin(async (tx) => {
    const [tied] = await tx<{ name: string; enabled: boolean }[]>`
      select p.name, p.enabled from identity i join person p on p.name = i.user_name
      where i.issuer = ${issuer} and i.subject = ${claims.subject}`
    if (tied && !tied.enabled) throw nobodyOf(`${tied.name} is disabled here`)
    if (tied) return tied.name
    const name = UserName.safeParse(claims.name).data
    if (name === undefined || name === bootstrap.name)
      throw nobodyOf(claims.name === null ? 'the provider does not say a name' : 'the name it says is none for a user')
    if (autoCreate) await make(tx, name, claims)
    const [known] = await tx<{ enabled: boolean }[]>`select enabled from person where name = ${name} for key share`
    if (!known) throw nobodyOf(`no user is called "${name}" here: ask an admin of this Drydock`)
    if (!known.enabled) throw nobodyOf(`${name} is disabled here`)
    const { count } = await tx`
      insert into identity (issuer, subject, user_name, created_at)
      values (${issuer}, ${claims.subject}, ${name}, ${d.clock()}) on conflict do nothing`
    if (count > 0) return name
    // the same subject, signing in twice at once
    const [same] = await tx`
      select 1 from identity where issuer = ${issuer} and subject = ${claims.subject} and user_name = ${name}`
    if (!same) throw nobodyOf(`"${name}" is somebody else's name already: ask an admin of this Drydock`)
    return name
  })
}

const nobodyOf = (message: string): OidcError => new OidcError('oidc-nobody', message)

async function make(tx: Tx, name: string, { email, displayName }: OidcClaims): Promise<void> {
  await lockPeople(tx)
  const [like] = await tx`select 1 from person where lower(name) = lower(${name})`
  if (like) return
  await tx`
    insert into person_said (source, name, email, display_name, enabled, bot, admin)
    values ('local', ${name}, ${EmailAddress.safeParse(email).data ?? null}, ${titleOf(displayName)}, true, false, false)`
  await mergePeople(tx, { people: [name], namespaces: [], members: [] })
}

const titleOf = (text: string | null): string | null =>
  text !== null && text.length <= 200 && oneLine.test(text) ? text : null
