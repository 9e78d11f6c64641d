import { judge, judgePlain, levelOf, type Standing, type Verdict } from '../access/access.ts'
import { nobody, type Principal, personCalled } from '../access/principal.ts'
import type { Route } from './route.ts'

/** Who calls, and how they stand to the namespace the call is about: a column of the table. */
export type Caller = { title: string; principal: Principal; standing: Standing }

const somebody = personCalled('somebody')
const member = (role: NonNullable<Standing['role']>): Caller => ({
  ...{ title: role, principal: somebody, standing: { role, visibility: 'private' } },
})

export const callers: readonly Caller[] = [
  { title: 'nobody', principal: nobody, standing: { role: null, visibility: 'public' } },
  { title: 'no member, private', principal: somebody, standing: { role: null, visibility: 'private' } },
  { title: 'no member, protected or public', principal: somebody, standing: { role: null, visibility: 'protected' } },
  ...(['viewer', 'contributor', 'owner'] as const).map(member),
  { title: 'admin', principal: personCalled('somebody', true), standing: { role: null, visibility: 'private' } },
]

/** What becomes of a call, as `authorize` decides it; `unauthorized` where it never comes so far. */
export function verdictFor(
  { access, method }: Pick<Route, 'access' | 'method'>,
  caller: Caller,
): Verdict | 'unauthorized' {
  const level = levelOf(access.need, method)
  if (access.need !== 'open' && caller.principal.via === 'nobody') return 'unauthorized'
  if ('of' in access) return judge(caller.principal, access.need, level, ['ns'], () => caller.standing)
  return access.need === 'builder' ? 'forbidden' : judgePlain(caller.principal, access.need, level)
}

const shown = { pass: 'yes', hidden: '404', forbidden: '403', unauthorized: '401' }
const narrower: Partial<Record<Route['access']['need'], string>> = {
  person: 'theirs',
  self: 'own',
}

/** Every route by every caller, in Markdown. */
export function accessTable(routes: readonly Route[]): string {
  const row = (r: Route) => [
    `\`${r.method.toUpperCase()} ${r.path}\``,
    `\`${r.access.need}\``,
    `\`${levelOf(r.access.need, r.method)}\``,
    ...callers.map((caller) => {
      const verdict = verdictFor(r, caller)
      const part = verdict === 'pass' && caller.title !== 'admin' ? narrower[r.access.need] : undefined
      return part ?? shown[verdict]
    }),
  ]
  const heads = ['call', 'needs', 'scope of a token', ...callers.map(({ title }) => title)]
  return [heads, heads.map(() => '---'), ...routes.map(row)].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Who passes, as the OpenAPI document says it (`x-access`). */
export const accessOf = ({ access, method }: Route): { need: string; scope: string; passes: string[] } => ({
  need: access.need,
  scope: levelOf(access.need, method),
  passes:
    access.need === 'builder'
      ? ['builder']
      : callers.filter((c) => verdictFor({ access, method }, c) === 'pass').map((c) => c.title),
})
