import { judge } from '../access/access.ts'
import { standingsOfPeople } from '../access/standings-of-people.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { keysOfPlans } from '../plan/keys-of-plans.ts'
import type { PlanRight } from './digest-links.ts'
import type { DuePerson } from './load-waiting.ts'

/** What all of these users may do about a plan. */
export type PlanRights = (users: readonly string[], plan: string) => PlanRight

/** By the rules of the API (access-of.ts): three statements, and none where there is no plan. */
export async function planRightsOf(
  d: { sql: Deps['sql'] | Tx; config: Pick<Deps['config'], 'registries'> },
  users: readonly string[],
  plans: readonly string[],
): Promise<PlanRights> {
  if (plans.length === 0) return () => 'none'
  const keys = await keysOfPlans(d, plans)
  const people = await standingsOfPeople(
    d,
    users,
    [...keys.values()].flatMap(({ read }) => read),
  )
  const may = (name: string, plan: string, need: 'read' | 'build'): boolean => {
    const person = people.get(name)
    return !!person && judge(person.principal, need, need, keys.get(plan)?.[need] ?? [], person.standing) === 'pass'
  }
  return (names, plan) => {
    if (names.every((name) => may(name, plan, 'build'))) return 'approve'
    return names.every((name) => may(name, plan, 'read')) ? 'look' : 'none'
  }
}

/** Of the plans that these are told of. */
export const planRightsIn = (d: Pick<Deps, 'sql' | 'config'>, people: readonly DuePerson[]): Promise<PlanRights> => {
  const outlooks = new Set(people.flatMap(({ notices }) => notices.map(({ outlook }) => outlook)))
  const plans = [...outlooks].flatMap((outlook) => (outlook.fate === 'outdated' && outlook.plan) || [])
  return planRightsOf(
    d,
    people.flatMap(({ users }) => users),
    [...new Set(plans)],
  )
}
