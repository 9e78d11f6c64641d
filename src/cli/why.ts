import type { Command } from 'commander'
import { at, type Client, ClientError, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { short, state } from './table.ts'
import type { BuildView, CauseView, TagView } from './views.ts'

/** A cause with the tags it came through, nearest first, and when the root came to what it is now (null: not known). */
type Chain = CauseView & { through: string[]; movedAt: string | null }

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
      const judged = tag.status === null ? 'not judged yet' : state(ctx, tag.status)
      say(ctx, `${tag.ref} is ${judged}, at ${short(tag.digest)}, pushed ${tag.pushedAt}`)
      for (const because of tag.because ?? [])
        say(ctx, `  not judged: ${because.reason}${because.base ? ` (${because.base})` : ''} on ${because.platform}`)
      for (const chain of chains) for (const line of linesOf(chain)) say(ctx, `  ${line}`)
      const { state: rebuild, waitsFor } = tag.rebuild
      if (rebuild !== 'none')
        say(ctx, `  rebuild: ${rebuild}${waitsFor.length > 0 ? ` for ${waitsFor.join(', ')}` : ''}`)
      for (const build of builds) say(ctx, `  ${buildLine(build)}`)
    })
}

/** From the tag's nearest base to the root: an inherited cause is followed through the tags it came by. */
async function chainOf(api: Client, cause: CauseView): Promise<Chain> {
  const through: string[] = []
  for (let via = cause.via; via !== null && !through.includes(via); ) {
    through.push(via)
    const above = await known<TagView>(api, `/tags/${at(via)}`)
    via = above?.causes.find((c) => c.base === cause.base)?.via ?? null
  }
  const history = await known<{ items: { digest: string; from: string }[] }>(api, `/tags/${at(cause.base)}/history`)
  return { ...cause, through, movedAt: history?.items.find((span) => span.digest === cause.to)?.from ?? null }
}

/** Null where the tag has gone meanwhile, or is on a registry nobody configured. */
async function known<T>(api: Client, path: string): Promise<T | null> {
  try {
    return await api.json<T>('GET', path)
  } catch (error) {
    if (error instanceof ClientError && /^no-such-(tag|registry)$/.test(error.code)) return null
    throw error
  }
}

function linesOf(chain: Chain): string[] {
  const still = chain.stillAt.length > 0 ? `; still there: ${chain.stillAt.join(', ')}` : ''
  const when = chain.movedAt === null ? '' : ` at ${chain.movedAt}`
  return [
    ...chain.through.map((ref) => `through ${ref}, which is itself outdated`),
    `${chain.base} moved from ${short(chain.from)} to ${short(chain.to)}${when} (${chain.role}, ${chain.confidence}${still})`,
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
