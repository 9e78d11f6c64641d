import fc from 'fast-check'

/** What becomes of an event: taken at once, later, never, or twice. */
export type Fate = 'now' | 'late' | 'lost' | 'twice'
/** What an image says of a base: its name (null: a bare digest), and the digest of thing `of` (null: none) as `form`. */
export type Saying = {
  evidence: 'provenance' | 'annotation' | 'label'
  name: string | null
  of: number | null
  form: 'head' | 'image'
}
export type Build = {
  do: 'build'
  on: number | null
  layers: number
  env: boolean
  history: 'full' | 'none' | 'blank'
  platforms: readonly ('amd64' | 'arm64')[]
  /** pushed as an index also where it has one platform */
  index: boolean
  dated: boolean
  says: Saying[]
}
/** `fates` of the events that come of it, in turn; `refresh`: verdicts are made anew right after. */
export type Op = { fates: Fate[]; refresh: boolean } & (
  | Build
  | { do: 'push'; ref: string; thing: number }
  | { do: 'remove'; ref: string }
  | { do: 'purge'; ref: string }
  | { do: 'catch-up'; share: number }
  | { do: 'reconcile' }
)
export type Story = { ops: Op[]; countBuild: string[]; reconcile: boolean; order: number }

/** Tags in four repositories; two of them share one. */
export const refs = ['base:1', 'base:2', 'app:1', 'app:latest', 'x/y:1', 'z:1']
const anyRef = fc.constantFrom(...refs)
const any = fc.nat(9)
const one = <T extends string>(text: T) => fc.constant(text)

const saying: fc.Arbitrary<Saying> = fc.record({
  evidence: fc.constantFrom('provenance', 'provenance', 'annotation', 'label'),
  name: fc.option(anyRef, { freq: 6 }),
  of: fc.option(any, { freq: 4 }),
  form: fc.constantFrom('head', 'image'),
})
const build: fc.Arbitrary<Build> = fc.record({
  do: one('build'),
  on: fc.option(any, { freq: 5 }),
  layers: fc.nat(2),
  env: fc.boolean(),
  history: fc.constantFrom('full', 'full', 'full', 'none', 'blank'),
  platforms: fc.constantFrom<Build['platforms'][]>(['amd64'], ['amd64', 'arm64'], ['arm64']),
  index: fc.boolean(),
  dated: fc.boolean(),
  says: fc.oneof<fc.WeightedArbitrary<Saying[]>[]>(
    { weight: 3, arbitrary: fc.constant([]) },
    {
      weight: 2,
      arbitrary: fc.uniqueArray(saying, {
        maxLength: 3,
        selector: (s) => (s.evidence === 'provenance' ? s.name : s.evidence),
      }),
    },
  ),
})
const deed = fc.oneof(
  { weight: 5, arbitrary: build },
  { weight: 9, arbitrary: fc.record({ do: one('push'), ref: anyRef, thing: any }) },
  { weight: 1, arbitrary: fc.record({ do: one('remove'), ref: anyRef }) },
  { weight: 1, arbitrary: fc.record({ do: one('purge'), ref: anyRef }) },
  { weight: 1, arbitrary: fc.record({ do: one('catch-up'), share: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: one('reconcile') }) },
)
const fate = fc.constantFrom<Fate[]>('now', 'now', 'now', 'late', 'lost', 'twice')
const op: fc.Arbitrary<Op> = fc
  .tuple(deed, fc.array(fate, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 3 }))
  .map(([what, fates, n]) => ({ ...what, fates, refresh: n === 3 }))

/** A world as it becomes, and what is told of it. `order`: a seed for the order in which late events come. */
export const anyStory: fc.Arbitrary<Story> = fc.record({
  ops: fc.array(op, { minLength: 5, maxLength: 25 }),
  countBuild: fc.subarray(['app:1', 'z:1']),
  reconcile: fc.boolean(),
  order: fc.nat(1000),
})
