import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Built, empty, estate, type Index, layer, type Step } from '../support/estate.ts'
import { runsOf } from '../support/runs-of.ts'
import type { Image } from './brute-content.ts'
import { bruteJudge, type Outcome, type Said, type Tag } from './brute-judge.ts'
import { outcomeOf } from './outcome-of.ts'

type Op =
  | {
      do: 'build'
      on: number | null
      layers: number
      env: boolean
      history: 'full' | 'none' | 'blank'
      platforms: ('amd64' | 'arm64')[]
      dated: boolean
    }
  | { do: 'push' | 'find'; ref: string; thing: number }
  | { do: 'remove'; ref: string }
  | {
      do: 'say'
      thing: number
      evidence: Said['evidence']
      name: string | null
      was: number
      digest: 'head' | 'image' | 'none'
    }

const refs = ['base:1', 'base:2', 'app:1', 'app:latest', 'x/y:1', 'z:1']
const anyRef = fc.constantFrom(...refs)
const any = fc.nat(11)
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('build' as const),
      on: fc.option(any, { freq: 5 }),
      layers: fc.nat(2),
      env: fc.boolean(),
      history: fc.constantFrom('full' as const, 'full' as const, 'full' as const, 'none' as const, 'blank' as const),
      platforms: fc.constantFrom<('amd64' | 'arm64')[][]>(['amd64'], ['amd64', 'arm64'], ['amd64', 'arm64'], ['arm64']),
      dated: fc.boolean(),
    }),
  },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('push' as const), ref: anyRef, thing: any }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('find' as const), ref: anyRef, thing: any }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), ref: anyRef }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('say' as const),
      thing: any,
      evidence: fc.constantFrom('annotation' as const, 'provenance' as const, 'provenance' as const, 'label' as const),
      name: fc.option(anyRef, { freq: 6 }),
      was: any,
      digest: fc.constantFrom('head' as const, 'image' as const, 'none' as const),
    }),
  },
)

type Member = { facts: Built; image: Image }
type Thing = { members: Member[]; what: Built | Index }
const never = Number.POSITIVE_INFINITY

/** Plays a story into both: the estate the judge sees, and the plain lists of the brute one. */
function play(ops: Op[], countBuild: string[]) {
  const e = estate()
  for (const ref of countBuild) e.countBuild(ref)
  const things: Thing[] = []
  const tags = new Map<string, Tag>()
  const said: Said[] = []
  const pick = (i: number) => (things.length === 0 ? null : things[i % things.length]!)

  function build(at: number, o: Op & { do: 'build' }) {
    const on = o.on === null ? null : pick(o.on)
    const members = o.platforms.map((arch): Member => {
      const platform = `linux/${arch}`
      const base = on?.members.find((m) => m.image.platform === platform)
      const own: Step[] = Array.from({ length: o.layers }, (_, i) => layer(`${arch} ${at}.${i}`))
      const all = [...(base?.facts.steps ?? []), ...own, ...(o.env ? [empty(`ENV E=${at}`)] : [])]
      const Env = o.env ? [`E=${at}`] : ((base?.facts.config.Env as string[] | undefined) ?? [])
      const created = o.dated ? e.now() : null
      const options = {
        history: o.history,
        config: { Env },
        salt: `${at}`,
        platform,
        ...(created === null ? {} : { created }),
      }
      const facts = e.build(all, options)
      const told = o.history === 'none' ? all.filter((s) => 'layer' in s) : all
      const lines = told.map((s) => ('layer' in s ? { made: s.layer, by: s.layer } : { made: null, by: s.empty }))
      const accounts = o.history === 'full' || lines.every((l) => l.made === null)
      const id = facts.facts.digest
      return { facts, image: { id, platform, lines, accounts, env: Env.join(), created, pushed: never, seen: never } }
    })
    things.push({ members, what: members.length > 1 ? e.index(...members.map((m) => m.facts)) : members[0]!.facts })
  }

  function arrive(ref: string, { members, what }: Thing, exact: boolean) {
    if (exact) e.push(ref, what)
    else e.find(ref, what)
    const at = e.now()
    for (const { image } of members)
      if (exact) image.pushed = Math.min(image.pushed, at)
      else image.seen = Math.min(image.seen, at)
    const last = leave(ref)
    const tag = tags.get(ref) ?? { ref, stays: [] }
    const head = e.digest(what)
    if (last?.head === head && last.to === at) last.to = never
    else tag.stays.push({ head, images: members.map((m) => m.image), from: at, to: never, exact })
    tags.set(ref, tag)
  }

  function leave(ref: string) {
    const stay = tags.get(ref)?.stays.at(-1)
    if (stay && stay.to === never) stay.to = e.now()
    return stay
  }

  function say(o: Op & { do: 'say' }) {
    const [thing, was] = [pick(o.thing), pick(o.was)]
    if (!thing || !was || (o.name !== null && !tags.has(o.name))) return
    // a base has layers, and by nothing at all nobody names one
    if (o.name === null && (o.digest === 'none' || was.members.some((m) => m.facts.facts.layerCount === 0))) return
    const subject = thing.members[o.was % thing.members.length]!
    const same = said.filter((s) => s.subject === subject.image.id && s.evidence === o.evidence)
    if (same.length > (o.evidence === 'provenance' ? 1 : 0) || same.some((s) => s.name === o.name)) return
    if (was.members.some((m) => m.image.pushed === never && m.image.seen === never)) return
    const whole = o.digest === 'head' && was.members.length > 1
    const named = whole ? was.what : was.members[o.thing % was.members.length]!.facts
    const digest = o.digest === 'none' ? null : e.digest(named)
    e.declare(subject.facts, o.evidence, {
      ...(o.name === null ? {} : { name: o.name }),
      ...(digest === null ? {} : { digest }),
    })
    const told = was.members.filter((m) => digest !== null && (whole || m.facts === named)).map((m) => m.image)
    said.push({ subject: subject.image.id, evidence: o.evidence, name: o.name, digest, was: told, index: whole })
  }

  for (const [at, o] of ops.entries()) {
    const thing = 'thing' in o ? pick(o.thing) : null
    if (o.do === 'build') build(at, o)
    else if (o.do === 'say') say(o)
    else if (o.do === 'remove' && tags.has(o.ref)) {
      e.remove(o.ref)
      leave(o.ref)
    } else if ((o.do === 'push' || o.do === 'find') && thing) arrive(o.ref, thing, o.do === 'push')
  }
  const images = things.flatMap((t) => t.members.map((m) => m.image))
  return { e, plain: { tags: [...tags.values()], images, said, countBuild } }
}

test('the judge agrees with the brute-force one on any story', () => {
  const countBuild = fc.subarray(['app:1', 'z:1'])
  fc.assert(
    fc.property(fc.array(op, { minLength: 4, maxLength: 40 }), countBuild, (ops, counting) => {
      const { e, plain } = play(ops, counting)
      const wanted = bruteJudge(plain)
      const short = (text: string) => text.replaceAll('reg:5000/', '')
      const found = new Map<string, Outcome>([...wanted.keys()].map((ref) => [ref, outcomeOf(e.verdict(ref), short)]))
      expect(found).toEqual(wanted)
    }),
    runsOf(3000),
  )
})
