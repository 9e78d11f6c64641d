/**
 * In: what a channel is told of one base, as facts. Out: the bodies of the requests that tell it, and the headers of a try.
 * Guarantees: one port, an adapter for each kind of channel (notifiers.ts); all of it pure: what a receiver is sent is fixed before the
 * first try, and its address is nobody's business here.
 */
import type { RebuildStateName } from '../plan/assemble-plan.ts'

/** What a channel can be told. */
export type ToldKind = 'outdated' | 'rebuilt' | 'failed' | 'still'

/** One cause of a tag, in the shape of `GET /outdated`. Digests are head digests of `base`. */
export type ToldCause = {
  base: string
  from: string | null
  to: string
  role: 'runtime' | 'build' | 'unknown'
  evidence: string[]
  confidence: 'declared' | 'inferred' | 'ambiguous'
  stillAt: string[]
  via: string | null
  platforms: string[]
}

/** How the rebuild of a tag stands, in the shape of `GET /outdated`. */
export type ToldRebuild = { state: RebuildStateName; build: string | null; waitsFor: string[] }

/** The build that a follow-up is of. `finishedAt`: ISO 8601, UTC. `code`, `message`: why it failed, as viewers of the namespace are told. */
export type ToldBuild = { id: string; finishedAt: string; code: string | null; message: string | null }

/** One tag, in the shape of `GET /outdated`, and how it stands `now`. `outdatedSince`: ISO 8601, UTC. `build`: of follow-ups alone. */
export type ToldItem = {
  ref: string
  digest: string | null
  platforms: string[]
  outdatedSince: string
  causes: ToldCause[]
  rebuild: ToldRebuild
  now: 'outdated' | 'current' | 'unknown' | 'deleted'
  build?: ToldBuild
}

/** What a channel is told at once: tags of one namespace, of one base. `to`: the base's digest. */
export type Telling = { kind: ToldKind; base: string; to: string; items: ToldItem[] }

/** `test`: somebody wants to see whether it works. `url`: where all of it can be looked at. */
export type Message = { namespace: string; at: Date; url: string } & (Telling | { kind: 'test' })

/** One request's body, as JSON. `id` is the delivery's; `type` is CloudEvents' (`dev.drydock.tags.outdated`). */
export type Written = { id: string; type: string; body: object }

export type Notifier = {
  /** What tells all of a message: one body, or several where one would be too large; each with an id of its own. */
  write(message: Message, place: { publicUrl: string }, newId: () => string): Written[]
  /** The headers of one try, besides what HTTP wants. `body`: as it goes out, to the byte. `secrets`: what it is signed with, newest first. */
  headers(sent: { id: string; body: string }, secrets: readonly string[], at: Date): Record<string, string>
}

export const typeOf = (kind: Message['kind']): string =>
  kind === 'test' ? 'dev.drydock.channel.test' : `dev.drydock.tags.${kind}`
