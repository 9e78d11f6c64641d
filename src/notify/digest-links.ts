import { buildUrl } from '../links.ts'
import { type Entry, entriesOf, type Outline } from './digest-outline.ts'

/** The build that is under way or failed; null where there is none to show. */
export function linkOfBuild(publicUrl: string, { outlook }: Entry): string | null {
  if (outlook.fate !== 'outdated' || outlook.rebuild.build === null) return null
  const { state, build } = outlook.rebuild
  return state === 'failed' || state === 'queued' || state === 'running' ? buildUrl(publicUrl, build) : null
}

/** Plans of which a mail says how to approve them. */
const mostPlans = 5

/** What the reader can do by hand: a title and the command lines, for one of the tags that need it. */
export type Advice = { title: string; lines: string[] }

/** What the readers may do about a plan that waits: approve it, look at it, or neither. */
export type PlanRight = 'approve' | 'look' | 'none'

const whoApproves = 'an admin, or whoever is owner or contributor of every namespace in which it builds'

/** How a plan of that id goes on, for who has that right; `waits`: the beginning of a sentence that says for what it waits. */
export function approval(waits: string, plan: string, right: PlanRight): Advice {
  if (right === 'approve')
    return {
      title: `${waits}. To look at it, and to let it go on:`,
      lines: [`drydock plans ${plan}`, `drydock approve ${plan}`],
    }
  if (right === 'look') return { title: `${waits} by ${whoApproves}. To look at it:`, lines: [`drydock plans ${plan}`] }
  return { title: `${waits} by ${whoApproves}. Its id, for them:`, lines: [plan] }
}

export function advice({ parts }: Outline, publicUrl: string, rightIn: (plan: string) => PlanRight): Advice[] {
  const all = parts.flatMap(({ sections }) => entriesOf(sections))
  const outdated = all.flatMap(({ ref, outlook }) =>
    outlook.fate === 'outdated' ? { ref, proposed: outlook.proposed, plan: outlook.plan, ...outlook.rebuild } : [],
  )
  const without = outdated.filter(({ state, movesWith }) => state === 'none' && !movesWith)
  const proposed = without.find((one) => one.proposed?.acceptable)
  const toMend = proposed ? undefined : without.find((one) => one.proposed)
  const bare = without.find((one) => !one.proposed)
  const manual = outdated.find(({ state, movesWith }) => state === 'manual' || (state === 'none' && movesWith))
  const plans = [...new Set(outdated.flatMap(({ plan }) => plan ?? []))].slice(0, mostPlans)
  return [
    ...plans.map((plan) => approval('A plan waits for approval', plan, rightIn(plan))),
    ...(proposed
      ? [
          {
            title: 'A tag says what it was built from. To look at the recipe that follows from that, and to take it:',
            lines: [
              `drydock recipe propose ${proposed.ref}`,
              `drydock recipe propose ${proposed.ref} --accept`,
              `drydock build ${proposed.ref} --follow`,
              'The last rebuilds it, now; with "auto": true in its recipe Drydock does that by itself.',
            ],
          },
        ]
      : []),
    ...(toMend
      ? [
          {
            title:
              'A tag says what it was built from, and the recipe that follows from that is to be mended first. To look at it and at what is wrong, to store it when it is mended, and to build by it:',
            lines: [
              `drydock recipe propose ${toMend.ref}`,
              'drydock recipe apply FILE',
              `drydock build ${toMend.ref} --follow`,
            ],
          },
        ]
      : []),
    ...(bare
      ? [
          {
            title: 'To have Drydock rebuild a tag by itself, give it a recipe, once:',
            lines: recipeLines(publicUrl, bare.ref),
          },
        ]
      : []),
    ...(manual
      ? [{ title: 'To have a tag rebuilt now:', lines: [`drydock build ${manual.movesWith ?? manual.ref} --follow`] }]
      : []),
  ]
}

/** Strategy rebase needs nothing but the registry; for a Dockerfile the recipe says where it is. */
const recipeLines = (publicUrl: string, ref: string): string[] => [
  `curl -X PUT ${root(publicUrl)}/api/v1/recipes/${encodeURIComponent(ref)} \\`,
  `  -H "Authorization: Bearer $DRYDOCK_TOKEN" \\`,
  `  -H 'Content-Type: application/json' \\`,
  `  -d '{"strategy":"rebase","auto":true}'`,
  'or, to build it from its Dockerfile:',
  `  -d '{"git":{"url":"https://…","ref":"main"},"auto":true}'`,
]

const root = (publicUrl: string): string => publicUrl.replace(/\/+$/, '')
