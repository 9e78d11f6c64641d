import type { Command } from 'commander'
import { at, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { dim, short, state } from './table.ts'
import type { BuildView, ChainView, TagView, WhyView } from './views.ts'
import { confidenceWords, evidenceWords, reasonWords, rebuildWords } from './words.ts'

/** `drydock why REF`: why it is outdated, unknown or left alone, and why it was last rebuilt: chains of causes with digests and times. */
export const whyCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'why', 'why a tag is outdated, or why it was last rebuilt')
    .argument('<ref>', 'the tag; a base outside, too')
    .action(async (ref: string, options: { json?: boolean }) => {
      const found = await client(ctx.env).json<WhyView>('GET', `/tags/${at(ref)}/why`)
      if (options.json) return print(ctx, found)
      say(ctx, headline(ctx, found))
      for (const line of found.tag ? linesOf(ctx, found.tag, found.chains) : []) say(ctx, `  ${line}`)
      for (const line of await failureOf(ctx, found.tag)) say(ctx, `  ${line}`)
      for (const build of found.builds) say(ctx, `  ${buildLine(build)}`)
      if (found.watch) say(ctx, `  ${watchLine(found.watch)}`)
    })
}

/** Of the build that the state speaks of, where it failed: why, and where its log is. One that succeeded is told of with the state. */
async function failureOf(ctx: Context, tag: WhyView['tag']): Promise<string[]> {
  const { state: now, build: id } = tag?.rebuild ?? { state: 'none', build: null }
  if (now !== 'failed' || id === null) return []
  const build = await client(ctx.env).json<BuildView>('GET', `/builds/${at(id)}`)
  if (build.state !== 'failed') return []
  const why = build.error ? `: ${build.error.message} (${build.error.code})` : ''
  return [`the build failed${why}; drydock logs ${id}`]
}

function headline(ctx: Context, { ref, tag, chains }: WhyView): string {
  if (tag === null) return `${ref} is not known here, but as a base of others`
  const since =
    tag.status === 'outdated'
      ? chains
          .filter((c) => c.counted)
          .map((c) => c.since)
          .sort()[0]
      : undefined
  const judged = tag.status === null ? 'not judged yet' : state(ctx, tag.status)
  return `${ref} is ${judged}${since ? ` since ${since}` : ''}, at ${short(tag.digest)}, pushed ${tag.pushedAt}`
}

function linesOf(ctx: Context, tag: TagView, chains: ChainView[]): string[] {
  return [
    ...chains.flatMap((chain) => chainLines(ctx, chain)),
    ...grouped((tag.because ?? []).map((b) => [`not judged: ${reasonWords(b)}`, b.platform])),
    ...(chains.length === 0 ? grouped(unmoved(tag)) : []),
    ...grouped(
      tag.disagreements.map((d) => [`besides, ${evidenceWords(d.evidence)}: ${d.base ?? 'a digest'}`, d.platform]),
    ),
    ...tag.newer.flatMap((n) =>
      (n.newer ?? n.newest) ? [`newer tag available: ${n.newer ?? n.newest} (it has ${n.base})`] : [],
    ),
    ...(tag.ignored ? [`ignored: ${tag.ignored.rule} of ${tag.ignored.scope} (${tag.ignored.detail})`] : []),
    ...(tag.snoozed ? [`snoozed until ${tag.snoozed.expiresAt} by ${tag.snoozed.by}: ${tag.snoozed.reason}`] : []),
    ...(tag.rebuild.state === 'none' ? [] : [`rebuild: ${rebuildWords(tag.rebuild)}`]),
  ]
}

/** From the nearest base to the root, and how it is known. */
function chainLines(ctx: Context, chain: ChainView): string[] {
  const when = chain.movedAt === null ? '' : ` at ${chain.movedAt}`
  const facts = [
    ...(chain.role === 'runtime' ? [] : [`${chain.role} stage only`]),
    confidenceWords(chain),
    `on ${chain.platforms.join(' ')}`,
    ...(chain.counted ? [] : ['it does not count']),
    ...(chain.pinned ? ['the FROM names a digest: rebuilding cannot help'] : []),
  ]
  return [
    ...chain.through.map(({ ref, digest, status, rebuild }) => {
      if (rebuild === null) return `through ${ref}`
      const itself = status === 'outdated' ? 'which is itself outdated' : `which is ${status ?? 'gone'} now`
      return `through ${ref} at ${short(digest)}, ${itself}${rebuild.state === 'none' ? '' : ` (${rebuildWords(rebuild)})`}`
    }),
    `${chain.base} moved from ${short(chain.from)} to ${short(chain.to)}${when}`,
    `  ${dim(ctx, facts.join('; '))}`,
  ]
}

/** The bases of a tag that nothing made outdated. */
const unmoved = (tag: TagView): [string, string][] =>
  tag.platforms.flatMap(({ platform, bases }) =>
    bases.map((base): [string, string] => {
      const role = base.role === 'runtime' ? '' : `${base.role} stage only; `
      return [`based on ${base.ref ?? 'a digest'} at ${short(base.digest)} (${role}${confidenceWords(base)})`, platform]
    }),
  )

/** Equal lines of several platforms as one. */
const grouped = (lines: [string, string][]): string[] =>
  [...Map.groupBy(lines, ([text]) => text)].map(
    ([text, of]) => `${text} on ${of.map(([, platform]) => platform).join(' ')}`,
  )

const buildLine = (build: BuildView): string => {
  const { kind, base, from, to } = build.reason
  const reason = kind === 'base-moved' ? `because ${base} moved from ${short(from)} to ${short(to)}` : kind
  return `${build.ref} was built as ${short(build.digest)} at ${build.finishedAt} ${reason} (${build.id})`
}

const watchLine = ({ askedAt, nextAt, error }: WhyView['watch'] & object): string =>
  `watched on its registry: last asked ${askedAt ?? 'never'}, next ${nextAt}${error === null ? '' : `; it failed: ${error}`}`
