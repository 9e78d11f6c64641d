import { createHash } from 'node:crypto'
import type { ManifestFacts } from '../../src/lineage/content.ts'
import {
  type Declaration,
  type EvidenceKind,
  makeWorld,
  type Span,
  type TagTimeline,
  type World,
  type WorldRows,
} from '../../src/lineage/world.ts'
import { chainIds, steps } from '../../src/oci/chain-id.ts'
import type { Platform } from '../../src/oci/platform.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { releaseId } from '../../src/oci/run-config.ts'
import { judge } from '../../src/staleness/judge.ts'
import type { Verdict } from '../../src/staleness/verdict.ts'

/** One history entry: a layer by name (`by`: its line, where it is another), or an empty one by its text (`ENV A=1`, `LABEL …`). */
export type Step = { layer: string; by?: string } | { empty: string }

export type Built = { facts: ManifestFacts; steps: Step[]; config: Record<string, unknown> }
export type Index = { digest: string; members: Built[] }

type Options = {
  history?: 'full' | 'none' | 'blank'
  config?: Record<string, unknown>
  created?: number
  platform?: string
  salt?: string
}

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
export const layer = (name: string): Step => ({ layer: name })
export const empty = (text: string): Step => ({ empty: text })
const host = 'reg:5000'
const ns = (seconds: number) => BigInt(Math.round(seconds * 1000)) * 1_000_000n

/** A small estate written as a story: images are built, tags pushed and deleted, one second after another. */
export function estate() {
  let now = 1000
  const manifests = new Map<string, ManifestFacts>()
  const entries: { indexDigest: string; manifestDigest: string; platform: Platform | null; attestation: boolean }[] = []
  const declarations: Declaration[] = []
  const tags = new Map<string, TagTimeline>()
  const countBuild: string[] = []

  const full = (ref: string) => `${host}/${ref}`

  function build(own: Step[], options: Options = {}): Built {
    const layers = own.flatMap((s) => ('layer' in s ? [s.layer] : []))
    const diffIds = layers.map((l) => sha(l))
    const entry = (s: Step) =>
      'layer' in s ? { created_by: s.by ?? `RUN ${s.layer}` } : { created_by: s.empty, empty_layer: true }
    const blank = (s: Step) => ('layer' in s ? { created_by: '' } : { created_by: s.empty, empty_layer: true })
    const history = options.history === 'none' ? [] : own.map(options.history === 'blank' ? blank : entry)
    const running = steps(history, diffIds)
    const config = options.config ?? {}
    const digest = sha(JSON.stringify({ own, options, config }))
    const chains = chainIds(diffIds)
    const facts: ManifestFacts = {
      digest,
      kind: 'image',
      platform: (options.platform ?? 'linux/amd64') as Platform,
      createdAt: options.created === undefined ? null : ns(options.created),
      layerCount: diffIds.length,
      chainIds: chains,
      historyAccounts: running.accounts,
      stepIds: running.stepIds,
      solidIds: running.solidIds,
      releaseId: releaseId(diffIds, config),
      firstPushAt: null,
      firstSeenAt: null,
    }
    const known = manifests.get(digest) ?? facts
    manifests.set(digest, known)
    return { facts: known, steps: own, config }
  }

  /** FROM base, with further steps; the base's config is inherited. */
  const from = (base: Built, more: Step[], options: Options = {}): Built =>
    build([...base.steps, ...more], { ...options, config: { ...base.config, ...options.config } })

  function index(...members: Built[]): Index {
    const digest = sha(members.map((m) => m.facts.digest).join())
    if (!manifests.has(digest)) {
      manifests.set(digest, {
        digest,
        kind: 'index',
        platform: null,
        createdAt: null,
        layerCount: 0,
        historyAccounts: false,
        chainIds: [],
        stepIds: [],
        solidIds: [],
        releaseId: null,
        firstPushAt: null,
        firstSeenAt: null,
      })
      for (const m of members)
        entries.push({
          indexDigest: digest,
          manifestDigest: m.facts.digest,
          platform: m.facts.platform,
          attestation: false,
        })
    }
    return { digest, members }
  }

  /** Something that is no image. */
  function artifact(name: string): Index {
    const { digest } = index()
    const known = manifests.get(digest)!
    const own = sha(`artifact ${name}`)
    manifests.set(own, { ...known, digest: own, kind: 'artifact' })
    return { digest: own, members: [] }
  }

  function moveTo(ref: string, digest: string | null, exact: boolean) {
    const name = full(ref)
    const tag = tags.get(name) ?? { ref: name, repository: name.slice(0, name.lastIndexOf(':')), spans: [] }
    const last: Span | undefined = tag.spans.at(-1)
    if (last && last.to === null) last.to = ns(now)
    if (digest !== null && last?.digest === digest && last.to === ns(now)) last.to = null
    else if (digest !== null) tag.spans.push({ digest, from: ns(now), to: null, exact })
    tags.set(name, tag)
  }

  function see(digest: string, exact: boolean) {
    const facts = manifests.get(digest)!
    if (exact) facts.firstPushAt ??= ns(now)
    else facts.firstSeenAt ??= ns(now)
  }

  function arrive(ref: string, what: Built | Index, exact: boolean) {
    now += 1
    const digest = 'members' in what ? what.digest : what.facts.digest
    if ('members' in what) for (const m of what.members) see(m.facts.digest, exact)
    see(digest, exact)
    moveTo(ref, digest, exact)
  }

  return {
    build,
    from,
    index,
    artifact,
    full,
    now: () => now,
    digest: (what: Built | Index) => ('members' in what ? what.digest : what.facts.digest),
    push: (ref: string, what: Built | Index) => arrive(ref, what, true),
    /** found by reconcile: pushed at some time before */
    find: (ref: string, what: Built | Index) => arrive(ref, what, false),
    /** by its digest alone */
    pushUntagged: (what: Built) => {
      now += 1
      see(what.facts.digest, true)
    },
    remove: (ref: string) => {
      now += 1
      moveTo(ref, null, true)
    },
    /** `name` may carry a digest, which pins it */
    declare: (
      subject: Built | Index,
      evidence: EvidenceKind,
      base: {
        name?: string
        digest?: string
        platform?: string
        role?: 'runtime' | 'build'
        /** FROM $X without a value */
        unresolved?: boolean
      },
    ) => {
      const parsed = base.name === undefined ? null : parseReference(base.name, host)
      declarations.push({
        subject: 'members' in subject ? subject.digest : subject.facts.digest,
        evidence,
        position: declarations.length,
        name: parsed?.tag ? `${parsed.host}/${parsed.repository}:${parsed.tag}` : null,
        digest: parsed?.digest ?? base.digest ?? null,
        platform: (base.platform ?? null) as Platform | null,
        role: base.role ?? (evidence === 'annotation' || evidence === 'label' ? 'runtime' : null),
        pinned: parsed?.digest != null,
        reason: base.unresolved ? 'unresolved-arg' : null,
      })
    },
    countBuild: (ref: string) => countBuild.push(full(ref)),
    rows: (): WorldRows => ({
      tags: [...tags.values()],
      manifests: [...manifests.values()].filter((m) => m.firstPushAt !== null || m.firstSeenAt !== null),
      entries,
      declarations,
      countBuild,
      hosts: [host],
      stored: new Map(),
    }),
    world(): World {
      return makeWorld(this.rows())
    },
    verdict(ref: string): Verdict {
      const found = judge(this.world(), tags.keys()).get(full(ref))
      if (!found) throw new Error(`${ref} has no verdict`)
      return found
    },
    /** counted causes as `base` or `base via x`, without the host, sorted */
    blames(ref: string): string[] {
      const short = (text: string) => text.replace(`${host}/`, '')
      return this.verdict(ref)
        .causes.filter((c) => c.counted)
        .map((c) => (c.via ? `${short(c.base)} via ${short(c.via)}` : short(c.base)))
        .sort()
    },
    bases(ref: string): (string | null)[] {
      return this.verdict(ref).platforms.flatMap((p) => p.bases.map((b) => b.ref?.replace(`${host}/`, '') ?? null))
    },
  }
}
