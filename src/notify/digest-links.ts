import { isPlaceholder } from '../access/withhold.ts'
import { buildUrl } from '../links.ts'
import type { Entry, Outline } from './digest-outline.ts'
import { list, namespaceTitle } from './digest-words.ts'

/** The build that is under way or failed; null where there is none to show. */
export function linkOfBuild(publicUrl: string, { outlook }: Entry): string | null {
  if (outlook.fate !== 'outdated' || outlook.rebuild.build === null) return null
  const { state, build } = outlook.rebuild
  return state === 'failed' || state === 'queued' || state === 'running' ? buildUrl(publicUrl, build) : null
}

/** Plans of which a mail says how to approve them. */
const mostPlans = 5

/** Of namespaces in which the reader may not build: so many tags that need somebody who may. */
const mostBarred = 5

/** What the reader can do by hand, or who can: a title and lines, as a rule commands, for one of the tags that need it. */
export type Advice = { title: string; lines: string[] }

/** What the readers may do about a plan that waits: approve it, look at it, or neither. */
export type PlanRight = 'approve' | 'look' | 'none'

/** What the readers may do about what they are told of. */
export type Rights = {
  plan: (plan: string) => PlanRight
  /** give recipes, and build; `leader`: the tag that is built instead, and moves this one along */
  build: (namespace: string, leader?: string) => boolean
  read: (namespace: string) => boolean
}

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

export function advice({ parts, namespaces }: Outline, publicUrl: string, rights: Rights): Advice[] {
  const groups = parts.flatMap(({ sections }) => sections.flatMap((section) => section.groups))
  const outdated = groups.flatMap(({ namespace, entries }) => {
    const here = rights.build(namespace)
    return entries.flatMap(({ ref, outlook }) => {
      if (outlook.fate !== 'outdated') return []
      const { proposed, plan, rebuild } = outlook
      const { movesWith: leader } = rebuild
      const may = leader === undefined ? here : rights.build(namespace, leader)
      return { ref, namespace, may, proposed, plan, ...rebuild }
    })
  })
  const bereft = outdated.filter(({ state, movesWith }) => state === 'none' && !movesWith)
  const asked = outdated.filter(({ state, movesWith }) => state === 'manual' || (state === 'none' && movesWith))
  const without = bereft.filter(({ may }) => may)
  const proposed = without.find((one) => one.proposed?.acceptable)
  const toMend = proposed ? undefined : without.find((one) => one.proposed)
  const bare = without.find((one) => !one.proposed)
  const manual = asked.find(({ may }) => may)
  const plans = [...new Set(outdated.flatMap(({ plan }) => plan ?? []))].slice(0, mostPlans)
  return [
    ...plans.map((plan) => approval('A plan waits for approval', plan, rights.plan(plan))),
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
    ...forOthers('Drydock rebuilds a tag by itself once it has a recipe. Who can give it one', bereft),
    ...forOthers('A tag is rebuilt when somebody asks for it. Who can', asked),
    ...closed(namespaces.filter((namespace) => !rights.read(namespace))),
  ]
}

type Barred = { ref: string; namespace: string; may: boolean; movesWith?: string }

/** Of what the readers may not do themselves: who may, and of which tags to tell them, one of each namespace. */
function forOthers(what: string, all: readonly Barred[]): Advice[] {
  const barred = all.filter(({ may }) => !may)
  if (barred.length === 0) return []
  const first = [...new Map(barred.toReversed().map((one) => [one.namespace, one])).values()].toReversed()
  const names = first
    .slice(0, mostBarred)
    .map(({ ref, movesWith: leader }) => (leader && !isPlaceholder(leader) ? leader : ref))
  const isLed = barred.some(({ movesWith }) => movesWith)
  const its = first.length === 1 ? namespaceTitle(first[0]!.namespace) : 'its namespace'
  const where = isLed ? 'the namespace in which it is built' : its
  return [{ title: `${what}: an admin, or whoever is owner or contributor of ${where}. For them:`, lines: names }]
}

const closed = (namespaces: readonly string[]): Advice[] =>
  namespaces.length === 0
    ? []
    : [
        {
          title: `You are told of ${list(namespaces.map(namespaceTitle))} by a rule or a source, and may not read there yet: links to its pages open for who has a role in it, which its owners and admins give.`,
          lines: [],
        },
      ]

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
