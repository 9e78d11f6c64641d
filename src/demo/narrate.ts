import type { Received } from './inbox.ts'
import type { BuildView, OutdatedTag } from './tracker.ts'

/** What can be seen from outside at one moment. */
export type Scene = { outdated: readonly OutdatedTag[]; builds: readonly BuildView[]; received: readonly Received[] }

export const emptyScene: Scene = { outdated: [], builds: [], received: [] }

/** Enough of a digest to tell two apart: `sha256:` and twelve digits. */
export const short = (digest: string | null): string => (digest === null ? 'nothing known' : digest.slice(0, 19))

/** One or more lines for each thing that is in `now` and was not in `before`, causes before effects, earlier before later. */
export function narrate(before: Scene, now: Scene): string[] {
  const builds = [...now.builds].sort((a, b) => timeOf(a).localeCompare(timeOf(b)))
  const flags = [...now.outdated].sort((a, b) => links(a) - links(b))
  return [
    ...flags.filter((tag) => !has(before.outdated, tag.ref)).map(raised),
    ...now.received.slice(before.received.length).flatMap(mail),
    ...builds.flatMap((build) => moved(before.builds.find((known) => known.id === build.id)?.state ?? null, build)),
    ...before.outdated.filter((tag) => !has(now.outdated, tag.ref)).map((tag) => `clear  ${tag.ref} is current again`),
  ]
}

const timeOf = (build: BuildView) => build.finishedAt ?? build.startedAt ?? ''
/** 0 where a base itself moved, 1 where a tag is outdated through another. */
const links = (tag: OutdatedTag) => (tag.causes.some((cause) => cause.via === null) ? 0 : 1)
const has = (tags: readonly OutdatedTag[], ref: string) => tags.some((tag) => tag.ref === ref)

function raised(tag: OutdatedTag): string {
  const causes = tag.causes.map((cause) => {
    const how = `${cause.evidence.join(', ')}; ${cause.confidence}`
    return `${cause.base} ${short(cause.from)} → ${short(cause.to)}${cause.via ? `, via ${cause.via}` : ''} (${how})`
  })
  return `flag   ${tag.ref} is outdated: ${causes.join('; ')}`
}

function mail(received: Received): string[] {
  const body = received.text.trimEnd().split('\n')
  return [
    `mail   to ${received.to.join(', ')}: ${received.subject}`,
    ...body.map((line) => `       | ${line.trimEnd()}`),
  ]
}

function moved(known: string | null, build: BuildView): string[] {
  if (known === build.state) return []
  const pushed = build.state === 'succeeded' ? `, pushed ${short(build.digest)}` : ''
  const error = build.error ? `: ${build.error.code ?? ''} ${build.error.message ?? ''}` : ''
  return [`build  ${build.ref} ${build.state}${pushed}${error}`]
}
