import type { Tx } from '../db/postgres.ts'
import { heardBy, withHearers } from '../people/heard-by.ts'
import type { Place } from '../people/recipients.ts'
import { isOff } from './every.ts'
import { usersAt } from './users-at.ts'

/**
 * One mail about a plan that was stopped. `users`, by name: whom it is for; `others`: who else has the address (users-at.ts). `own`: of the
 * places that were asked about those that all its users hear of, and want mails of (`off`: want none of).
 */
export type StopReader = {
  email: string
  displayName: string | null
  users: string[]
  others: string[]
  own: ReadonlySet<string>
  off: boolean
}

export const placeKey = ({ namespace, repository }: Place): string => `${namespace} ${repository}`

/** Who is not written to: who was told already, by name; addresses that are not to be tried now, in small letters; who wants none, if so said. */
export type But = { users: ReadonlySet<string>; addresses: ReadonlySet<string>; off: boolean }

type Hearer = { place: string; user: string; email: string; displayName: string | null; off: boolean }

/**
 * Who is told that a plan was stopped: who hears of its base; where nobody does (a base outside, changed recipes), who hears of tags whose builds
 * failed; `but` some. Users with one address are told in one mail: in the first case what all of them hear of; in the second those who hear of the same.
 */
export async function stopAudience(
  tx: Tx,
  { base, failed }: { base: Place | null; failed: readonly Place[] },
  but: But | null,
): Promise<StopReader[]> {
  const places = [...(base === null ? [] : [base]), ...failed]
  const asked = tx`
    select distinct * from unnest(${places.map(({ namespace }) => namespace)}::text[],
      ${places.map(({ repository }) => repository)}::text[]) as place (namespace, repository)`
  const hearers = await tx<Hearer[]>`
    with ${heardBy(tx, asked)}
    select place.namespace || ' ' || place.repository as place, hearer as user, hearer_email as email, hearer_name as display_name,
      ${isOff(tx, tx`hearer`, tx`place.namespace`)} as off
    from ${withHearers(tx, tx`(${asked})`)} as place order by hearer, place`
  const ofBase = base === null ? new Set() : usersOf(hearers.filter(({ place }) => place === placeKey(base)))
  const byUser = Map.groupBy(hearers, ({ user }) => user)
  const told = [...byUser].flatMap(([user, all]): (StopReader & { address: string })[] => {
    if (ofBase.size > 0 && !ofBase.has(user)) return []
    const wanted = all.filter(({ off }) => !off)
    const asksBase = base !== null && ofBase.size > 0
    const off = asksBase ? !wanted.some(({ place }) => place === placeKey(base)) : wanted.length === 0
    const own = new Set((off ? all : wanted).map(({ place }) => place))
    const { email, displayName } = all[0]!
    const address = email.toLowerCase()
    if (but && (but.users.has(user) || but.addresses.has(address) || (but.off && off))) return []
    return [{ address, email, displayName, users: [user], others: [], own, off }]
  })
  const groups = Map.groupBy(told, ({ address, own, off }) =>
    [address, off, ...(ofBase.size > 0 ? [] : [...own].sort())].join('\n'),
  )
  const known = await usersAt(
    tx,
    told.map(({ address }) => address),
  )
  return [...groups.values()].map((same) => {
    const { address, ...first } = same[0]!
    const users = same.flatMap((one) => one.users)
    return {
      ...first,
      users,
      displayName: users.length === 1 ? first.displayName : null,
      others: (known.get(address) ?? []).filter((name) => !users.includes(name)),
      own: new Set([...first.own].filter((place) => same.every(({ own }) => own.has(place)))),
    }
  })
}

const usersOf = (hearers: readonly Hearer[]): Set<string> => new Set(hearers.map(({ user }) => user))
