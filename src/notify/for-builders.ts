import { mayIn } from '../access/access.ts'
import { standingsOfPeople } from '../access/standings-of-people.ts'
import { failureWords } from '../build/failure-words.ts'
import type { Deps } from '../deps.ts'
import type { DuePerson } from './load-waiting.ts'

/**
 * What is told of builds. Who hears of a tag is who looks after it, by role or because a source or an owner rule names them: they are told all.
 * At an address that several have, of whom one may not build in the namespace: what kind of fault it was, without the build's own words and
 * the end of its log (src/build/failure-words.ts). Three statements, and none where no such build is told of.
 */
export async function forBuilders(d: Pick<Deps, 'sql' | 'config'>, people: readonly DuePerson[]): Promise<DuePerson[]> {
  const isShared = ({ users, others }: DuePerson): boolean => users.length + others.length > 1
  const told = people.filter((person) => isShared(person) && person.notices.some(({ build }) => build))
  if (told.length === 0) return [...people]
  const keys = [...new Set(told.flatMap(({ notices }) => notices.flatMap((n) => (n.build ? n.namespace : []))))]
  const standings = await standingsOfPeople(d, told.flatMap(everybody), keys)
  const builds = (user: string, namespace: string): boolean => {
    const person = standings.get(user)
    return !!person && mayIn(person.principal, 'build', namespace, person.standing(namespace), 'read')
  }
  const mayKnow = (person: DuePerson, namespace: string) =>
    !isShared(person) || everybody(person).every((user) => builds(user, namespace))
  const silent = told.flatMap((person) =>
    person.notices.flatMap(({ namespace, build }) => (build && !mayKnow(person, namespace) ? build.id : [])),
  )
  if (silent.length === 0) return [...people]
  const failed = await d.sql<{ id: string; code: string | null }[]>`
    select id, error ->> 'code' as code from build where id = any(${[...new Set(silent)]}::uuid[]) and error is not null`
  const codes = new Map(failed.map(({ id, code }) => [id, code]))
  return people.map((person) => ({
    ...person,
    notices: person.notices.map((notice) => {
      const { build, namespace } = notice
      if (!build || mayKnow(person, namespace)) return notice
      const error = codes.has(build.id) ? failureWords(codes.get(build.id) ?? null) : null
      return { ...notice, build: { ...build, error, log: [] } }
    }),
  }))
}

const everybody = ({ users, others }: DuePerson): string[] => [...users, ...others]
