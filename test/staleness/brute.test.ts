import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Built, empty, estate, layer, type Step } from '../support/estate.ts'
import { bruteBlames, type Estate, type Image, type Said, type Tag } from './brute-judge.ts'

type Op =
  | { do: 'build'; on: number | null; layers: number; env: boolean; history: 'full' | 'none' | 'blank' }
  | { do: 'push'; ref: string; image: number }
  | { do: 'remove'; ref: string }
  | { do: 'say'; image: number; name: string; was: number }

const refs = ['base:1', 'base:2', 'app:1', 'app:latest', 'x/y:1', 'z:1']
const anyRef = fc.constantFrom(...refs)
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('build' as const),
      on: fc.option(fc.nat(11), { freq: 5 }),
      layers: fc.nat(2),
      env: fc.boolean(),
      history: fc.constantFrom('full' as const, 'full' as const, 'full' as const, 'none' as const, 'blank' as const),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('push' as const), ref: anyRef, image: fc.nat(11) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), ref: anyRef }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('say' as const), image: fc.nat(11), name: anyRef, was: fc.nat(11) }),
  },
)

/** Plays a story into both: the estate the judge sees, and the plain lists of the brute one. */
function play(ops: Op[]) {
  const e = estate()
  const built: { facts: Built; image: Image }[] = []
  const tags = new Map<string, Tag>()
  const said: Said[] = []
  const pick = (i: number) => (built.length === 0 ? null : built[i % built.length]!)
  const leave = (ref: string) => {
    const stay = tags.get(ref)?.stays.at(-1)
    if (stay && stay.to === Number.POSITIVE_INFINITY) stay.to = e.now()
    return stay
  }
  for (const [at, o] of ops.entries()) {
    if (o.do === 'build') {
      const on = o.on === null ? null : pick(o.on)
      const own: Step[] = Array.from({ length: o.layers }, (_, i) => layer(`${at}.${i}`))
      const all = [...(on?.facts.steps ?? []), ...own, ...(o.env ? [empty(`ENV E=${at}`)] : [])]
      const Env = o.env ? [`E=${at}`] : ((on?.facts.config.Env as string[] | undefined) ?? [])
      const facts = e.build(all, { history: o.history, config: { Env }, salt: String(at) })
      const told = o.history === 'none' ? all.filter((s) => 'layer' in s) : all
      const lines = told.map((s) => ('layer' in s ? { made: s.layer, by: s.layer } : { made: null, by: s.empty }))
      const accounts = o.history === 'full' || lines.every((l) => l.made === null)
      const image = { id: facts.facts.digest, lines, accounts, env: Env.join(), pushed: Number.POSITIVE_INFINITY }
      built.push({ facts, image })
    } else if (o.do === 'push') {
      const what = pick(o.image)
      if (!what) continue
      e.push(o.ref, what.facts)
      what.image.pushed = Math.min(what.image.pushed, e.now())
      const last = leave(o.ref)
      const tag = tags.get(o.ref) ?? { ref: o.ref, stays: [] }
      if (last?.image === what.image && last.to === e.now()) last.to = Number.POSITIVE_INFINITY
      else tag.stays.push({ image: what.image, from: e.now(), to: Number.POSITIVE_INFINITY })
      tags.set(o.ref, tag)
    } else if (o.do === 'remove') {
      if (!tags.has(o.ref)) continue
      e.remove(o.ref)
      leave(o.ref)
    } else {
      const [what, was] = [pick(o.image), pick(o.was)]
      if (!what || !was || !tags.has(o.name) || was.image.pushed > e.now() || said.some((s) => s.image === what.image))
        continue
      if (was.image.lines.every((l) => l.made === null)) continue
      e.declare(what.facts, 'annotation', { name: o.name, digest: was.facts.facts.digest })
      said.push({ image: what.image, name: o.name, was: was.image })
    }
  }
  const plain: Estate = { tags: [...tags.values()], images: built.map((b) => b.image), said }
  return { e, plain }
}

test('the judge agrees with the brute-force one on any story', () => {
  fc.assert(
    fc.property(fc.array(op, { minLength: 4, maxLength: 40 }), (ops) => {
      const { e, plain } = play(ops)
      const wanted = bruteBlames(plain)
      const judged = new Map([...wanted.keys()].map((ref) => [ref, e.blames(ref)]))
      expect(judged).toEqual(wanted)
    }),
    { numRuns: 3000 },
  )
})
