import type { Command } from 'commander'
import { at, type Client, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { short, state } from './table.ts'
import type { BuildView, CauseView, TagView } from './views.ts'

/** `drydock why REF`: why it is outdated, or why it was last rebuilt: the chain of causes with digests and times. */
export const whyCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'why', 'why a tag is outdated, or why it was last rebuilt')
    .argument('<ref>', 'the tag')
    .action(async (ref: string, options: { json?: boolean }) => {
      const api = client(ctx.env)
      const tag = await api.json<TagView>('GET', `/tags/${at(ref)}`)
      const chains = await Promise.all(tag.causes.map((cause) => chainOf(api, cause)))
      const builds = await chainOfBuilds(api, tag)
      if (options.json) return print(ctx, { tag, chains, builds })
      say(ctx, `${tag.ref} is ${state(ctx, tag.status)}, at ${short(tag.digest)}, pushed ${tag.pushedAt}`)
      for (const because of tag.because ?? [])
        say(ctx, `  not judged: ${because.reason}${because.base ? ` (${because.base})` : ''} on ${because.platform}`)
      for (const chain of chains) for (const line of chain) say(ctx, `  ${line}`)
      if (tag.rebuild.state !== 'none')
        say(
          ctx,
          `  rebuild: ${tag.rebuild.state}${tag.rebuild.waitsFor.length > 0 ? ` for ${tag.rebuild.waitsFor.join(', ')}` : ''}`,
        )
      for (const build of builds) say(ctx, `  ${buildLine(build)}`)
    })
}

/** From the tag's nearest base to the root: an inherited cause is followed through the tags it came by. */
async function chainOf(api: Client, cause: CauseView): Promise<string[]> {
  const lines: string[] = []
  const seen = new Set<string>()
  for (let via = cause.via; via !== null && !seen.has(via); ) {
    seen.add(via)
    lines.push(`through ${via}, which is itself outdated`)
    const above: TagView = await api.json('GET', `/tags/${at(via)}`)
    via = above.causes.find((c) => c.base === cause.base)?.via ?? null
  }
  const still = cause.stillAt.length > 0 ? `; still there: ${cause.stillAt.join(', ')}` : ''
  return [
    ...lines,
    `${cause.base} moved from ${short(cause.from)} to ${short(cause.to)} (${cause.role}, ${cause.confidence}${still})`,
  ]
}

/** The build that made the present head, and those that made the bases it was built for. */
async function chainOfBuilds(api: Client, tag: TagView): Promise<BuildView[]> {
  const chain: BuildView[] = []
  let [ref, digest]: [string | null, string | null] = [tag.ref, tag.digest]
  while (ref !== null && chain.length < 50) {
    const { items }: { items: BuildView[] } = await api.json('GET', `/builds?ref=${at(ref)}&state=succeeded&limit=500`)
    const made: BuildView | undefined = items.find((build) => build.digest === digest)
    if (!made || chain.some((build) => build.id === made.id)) break
    chain.push(made)
    ;[ref, digest] = [made.reason.base, made.reason.to]
  }
  return chain
}

const buildLine = (build: BuildView): string => {
  const { kind, base, from, to } = build.reason
  const why = kind === 'base-moved' ? `because ${base} moved from ${short(from)} to ${short(to)}` : kind
  return `${build.ref} was built as ${short(build.digest)} at ${build.finishedAt} ${why} (${build.id})`
}
