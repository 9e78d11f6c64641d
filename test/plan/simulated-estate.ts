import type { MayStart } from '../../src/pause/may-start.ts'
import {
  assemblePlan,
  type OwnPush,
  type PlanBuild,
  type PlanCause,
  type PlanTag,
  type Policy,
  type RootPlan,
} from '../../src/plan/assemble-plan.ts'
import { foresee } from '../../src/plan/foresee.ts'
import type { Traits } from './estate-traits.ts'

/** `version`: of its recipe; `found`: what its bases were when it began, used or not. */
type Sim = PlanBuild & {
  ref: string
  started: number
  finished: number
  version: number
  found: ReadonlyMap<string, string>
}

/**
 * An estate in which only names and contents exist: a tag is at a content and remembers at which contents of its bases it was
 * built. Verdicts are computed here, apart from the service's judge. Tag 0 is nobody's recipe. Everything is a base at runtime.
 */
export function simulatedEstate(bases: readonly (readonly number[])[], traits: Traits = {}) {
  const refs = bases.map((_, i) => `t${i}`)
  const at = new Map(refs.map((ref) => [ref, `${ref}-0`]))
  const movedAt = new Map(refs.map((ref) => [ref, 0]))
  const basesOf = new Map(refs.map((ref, i) => [ref, bases[i]!.map((b) => `t${b}`)]))
  const builtOn = new Map(refs.map((ref) => [ref, new Map(basesOf.get(ref)!.map((base) => [base, `${base}-0`]))]))
  const builds: Sim[] = []
  const pushes = new Map<string, OwnPush>()
  const plans = new Map<string, RootPlan>()
  const recipes = new Map<string, { version: number; change: string }>()
  let start: MayStart = { start: true }
  let clock = 1
  let seconds = 0

  const indexOf = (ref: string) => Number(ref.slice(1))
  const edgeOf = (ref: string, base: string) =>
    traits.edge?.(indexOf(ref), indexOf(base)) ?? { confidence: 'declared' as const, pinned: false }
  const moved = (ref: string, base: string) => builtOn.get(ref)!.get(base) !== at.get(base)

  /** Roots a tag is outdated by: its moved bases, and those of its unmoved ones, until nothing is added. */
  function causes(): Map<string, PlanCause[]> {
    const found = new Map(refs.map((ref) => [ref, new Map<string, PlanCause>()]))
    for (const ref of refs)
      for (const base of basesOf.get(ref)!) if (moved(ref, base)) found.get(ref)!.set(base, cause(ref, base, null))
    for (let grown = true; grown; ) {
      grown = false
      for (const ref of refs)
        for (const via of [...basesOf.get(ref)!].sort().filter((base) => !moved(ref, base)))
          for (const root of found.get(via)!.keys()) {
            const known = found.get(ref)!.get(root)
            if (root === ref || (known && (known.via === null || known.via <= via))) continue
            found.get(ref)!.set(root, cause(ref, root, via))
            grown = true
          }
    }
    return new Map(refs.map((ref) => [ref, [...found.get(ref)!.values()]]))
  }
  const cause = (ref: string, base: string, via: string | null): PlanCause => ({
    base,
    from: null,
    to: at.get(base)!,
    via,
    ...edgeOf(ref, via ?? base),
    since: BigInt(movedAt.get(base)!),
  })

  const versionOf = (ref: string) => recipes.get(ref)?.version ?? 0
  const keyOf = (ref: string) => [versionOf(ref), ...basesOf.get(ref)!.map((base) => at.get(base))].join()
  const uses = (ref: string, base: string) => traits.uses?.(indexOf(ref), indexOf(base)) ?? true

  function tags(): PlanTag[] {
    const judged = causes()
    return refs.map((ref, i) => {
      const own = builds.filter((build) => build.ref === ref).reverse()
      const good = own.findIndex((build) => build.state === 'succeeded')
      const pushed = own.find((build) => build.digest !== null)
      return {
        ref,
        headSince: new Date(0),
        causes: judged.get(ref)!,
        bases: basesOf.get(ref)!.filter((base) => !edgeOf(ref, base).pinned),
        doubtful: [...basesOf.get(ref)!.filter((base) => edgeOf(ref, base).confidence === 'ambiguous'), 'outside'],
        declared: [],
        recipe: i === 0 ? null : traits.recipe ? traits.recipe(i) : { auto: true, runnable: true, base: null },
        held: traits.held?.(i) ?? false,
        key: keyOf(ref),
        builds: good === -1 ? own : own.slice(0, good + 1),
        stand: pushed ? 'at' : null,
        recipeChange: pushed && pushed.version !== versionOf(ref) ? recipes.get(ref)!.change : null,
        judged: true,
        start,
      }
    })
  }

  const withdraw = (some: Sim[]) => {
    for (const build of some.filter(({ state }) => state === 'queued'))
      Object.assign(build, { state: 'cancelled', code: 'no-longer-wanted', finishedAt: new Date(seconds * 1000) })
  }

  return {
    builds,
    /** The plan that would be made now of what has moved. */
    foresee(root: string) {
      const all = tags().map((tag, i) => ({
        ...tag,
        ...{ hold: tag.held ? ('snoozed' as const) : null, seconds: 60 },
        edges: bases[i]!.map((base) => {
          const { confidence, pinned } = edgeOf(tag.ref, `t${base}`)
          const rivals = confidence === 'ambiguous' ? ['outside'] : []
          return {
            base: `t${base}`,
            role: 'runtime' as const,
            confidence,
            pinned,
            counted: true,
            rivals,
            unknown: false,
          }
        }),
      }))
      const none = new Set<string>()
      return foresee(
        {
          ref: null,
          tags: all,
          bases: [],
          pending: none,
          snoozedBases: none,
          observe: false,
          now: new Date(0),
          pushes,
        },
        [root],
      ).get(root)!
    },
    /** Somebody pushes something new to tag 0: its digest. */
    move(): string {
      at.set('t0', `t0-${clock}`)
      movedAt.set('t0', clock++)
      return at.get('t0')!
    },
    /** Somebody points a tag at this content, which it may have had before. */
    moveTo(ref: string, content: string) {
      at.set(ref, content)
      movedAt.set(ref, clock++)
    },
    /** Somebody stores another recipe; `change`: its root. */
    changeRecipe(ref: string, change: string) {
      recipes.set(ref, { version: versionOf(ref) + 1, change })
    },
    /** Decides as the service does, and does it. False where there was nothing to do. */
    plan(): boolean {
      const policy: Policy = { now: new Date(seconds * 1000), settle: 0, observe: false }
      const { queue, withdraw: gone, lookAgainAt } = assemblePlan({ tags: tags(), pushes, plans }, policy)
      withdraw(builds.filter((build) => gone.includes(build.id)))
      for (const { ref, root, reason } of queue) {
        const queued = builds.find((build) => build.ref === ref && build.state === 'queued')
        const { base, to } = reason
        if (queued) Object.assign(queued, { key: keyOf(ref), root, reason: { base, to } })
        else
          builds.push({
            id: `b${builds.length}`,
            ref,
            state: 'queued',
            key: keyOf(ref),
            root,
            automatic: true,
            reason: { base, to },
            digest: null,
            bases: [],
            code: null,
            finishedAt: null,
            ...{ started: 0, finished: 0, version: 0, found: new Map() },
          })
      }
      if (queue.length === 0 && gone.length === 0 && lookAgainAt) {
        seconds = lookAgainAt.getTime() / 1000 + 1
        return true
      }
      return queue.length + gone.length > 0
    },
    /** A person, or too many failures, decide on the plan of a root: what is queued of one that is over is withdrawn. */
    decide(root: string, state: RootPlan['state']) {
      plans.set(root, { id: `plan of ${root}`, state })
      if (state === 'stopped' || state === 'cancelled') withdraw(builds.filter((build) => build.root === root))
    },
    /** Everywhere; what is queued then stays, and no worker takes it. */
    pause(may: MayStart) {
      start = may
    },
    /** What a worker could do next. */
    able: () => ({
      start: start.start ? builds.filter((build) => build.state === 'queued') : [],
      finish: builds.filter((build) => build.state === 'running'),
    }),
    /** A worker takes it: its bases are fixed now, and with them its key. */
    start(build: Sim) {
      const digestOf = (name: string) =>
        edgeOf(build.ref, name).pinned ? builtOn.get(build.ref)!.get(name)! : at.get(name)!
      const found = new Map(basesOf.get(build.ref)!.map((name) => [name, digestOf(name)]))
      const used = [...found].flatMap(([name, digest]) => (uses(build.ref, name) ? { name, digest } : []))
      const [key, version] = [keyOf(build.ref), versionOf(build.ref)]
      Object.assign(build, { state: 'running', started: clock++, bases: used, found, key, version })
    },
    finish(build: Sim, fails: boolean) {
      const now = new Date(seconds * 1000)
      if (fails)
        return void Object.assign(build, { state: 'failed', code: 'build-failed', finishedAt: now, finished: clock++ })
      const digest = `${build.ref}-${clock}`
      at.set(build.ref, digest)
      movedAt.set(build.ref, clock)
      for (const { name, digest } of build.bases) builtOn.get(build.ref)!.set(name!, digest)
      const before = pushes.get(build.reason.to!)?.chain ?? []
      pushes.set(digest, { root: build.root, chain: [build.ref, ...before] })
      const isVain = [...build.found].some(
        ([name, from]) => !edgeOf(build.ref, name).pinned && at.get(name) === from && moved(build.ref, name),
      )
      const end = isVain ? { state: 'failed', code: 'still-outdated' } : { state: 'succeeded' }
      Object.assign(build, { ...end, digest, finishedAt: now, finished: clock++ })
    },
    tags,
    states: () =>
      assemblePlan({ tags: tags(), pushes, plans }, { now: new Date(seconds * 1000), settle: 0, observe: false })
        .states,
    outdated: () => [...causes()].filter(([, found]) => found.length > 0).map(([ref]) => ref),
  }
}
