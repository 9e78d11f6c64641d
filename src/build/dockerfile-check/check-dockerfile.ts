/*
 * In: the text of a Dockerfile as Docker will get it, and the contents that this build may name.
 * Out: nothing, or a BuildError with the line.
 * Guarantees: however any of Docker's parsers reads it, either it refuses the file as a whole, or nothing in it names anything but those contents,
 * earlier stages and scratch. It knows nothing of the parser that made the text.
 */
import { fault } from './fault.ts'
import { type Judged, judgeInstruction } from './judge-instruction.ts'
import { readDirectives } from './read-directives.ts'
import { makeBudget, readInstruction } from './read-instructions.ts'

/** References by digest, exactly as they may stand in the file; each with the ONBUILD triggers of its content. */
export type AllowedContents = ReadonlyMap<string, readonly string[]>

/** One stage of a reading: its name, and what its own ONBUILD triggers name. */
type Stage = { name: string | null; triggers: string[] }
/** One way from an instruction to the next. */
type Step = { at: number; judge: (() => Judged) | null; next: number }

const mostBytes = 256 * 1024
/** States met before a file is given up, and stages in it: what people write needs one of the first for each of its lines. */
const mostStates = 20_000
const mostStages = 1000
/** Of what tells stages apart: their names and triggers. */
const mostCharacters = 10_000_000

/** Errors: `dockerfile-invalid`, `frontend-refused`, `onbuild-refused`. */
export function checkDockerfile(text: string, allowed: AllowedContents): void {
  for (const { steps, end } of readingsOf(text)) {
    walk(steps, end, [], (judged, at, stages) => judge(judged, at, stages, allowed))
  }
}

/**
 * What the ONBUILD trigger of a content names, however it is read. Error: `onbuild-refused` where it is no single instruction that may be a trigger.
 */
export function sourcesOfTrigger(trigger: string): string[] {
  const sources: string[] = []
  try {
    for (const { steps, end } of readingsOf(trigger))
      walk(steps, end, [], (judged, at) => {
        if (judged.kind !== 'other') throw fault(at, 'it is no instruction for a trigger')
        sources.push(...judged.sources)
        return []
      })
  } catch (error) {
    throw fault(
      0,
      `the base has an ONBUILD trigger that is refused (${(error as Error).message}): ${trigger}`,
      'onbuild-refused',
    )
  }
  return sources
}

/** All readings of a text as steps from line to line, only those that Docker does not refuse; once for each escape character it may have. */
function readingsOf(text: string): { steps: Map<number, Step[]>; end: number }[] {
  if (Buffer.byteLength(text) > mostBytes) throw fault(0, `the Dockerfile has more than ${mostBytes} bytes`)
  const plain = text.replace(/^\uFEFF/, '')
  const bare = /\r(?!\n|$)/.exec(plain)
  if (bare) throw fault(plain.slice(0, bare.index).split('\n').length - 1, 'a carriage return in it ends no line')
  const lines = plain.split('\n').map((line) => line.replace(/\r$/, ''))
  return readDirectives(lines).map((escapeChar) => ({ steps: stepsOf(lines, escapeChar), end: lines.length }))
}

function stepsOf(lines: readonly string[], escapeChar: string): Map<number, Step[]> {
  const steps = new Map<number, Step[]>()
  const spend = makeBudget()
  let [furthest, words] = [0, 'the file has no instruction']
  for (const waiting = [0]; waiting.length > 0; ) {
    const at = waiting.pop()!
    if (at >= lines.length || steps.has(at)) continue
    const found = readInstruction(lines, at, escapeChar, spend)
    spend(at, 1)
    const all =
      'skip' in found
        ? [{ at, judge: null, next: found.skip }]
        : found.readings.map(({ text, next }) => ({ at, judge: judgeInstruction(text, at), next }))
    const known = all.filter(({ judge }) => {
      const keyword = judge && unknownKeyword(judge)
      if (keyword && at >= furthest) [furthest, words] = [at, `Docker has no instruction ${keyword.slice(0, 40)}`]
      return !keyword
    })
    steps.set(at, known)
    waiting.push(...known.map(({ next }) => next))
  }
  for (const at of [...steps.keys()].sort((a, b) => b - a))
    steps.set(
      at,
      steps.get(at)!.filter(({ next }) => next >= lines.length || (steps.get(next)?.length ?? 0) > 0),
    )
  if (steps.get(0)?.length === 0) throw fault(furthest, words)
  return steps
}

function unknownKeyword(judge: () => Judged): string | null {
  try {
    const judged = judge()
    return judged.kind === 'unknown' ? judged.keyword : null
  } catch {
    return null // told where a reading comes to it
  }
}

/** Goes every way through the file; `see` is told each instruction with the stages before it, and gives those after it. */
function walk(
  steps: Map<number, Step[]>,
  end: number,
  start: readonly Stage[],
  see: (judged: Judged, at: number, stages: readonly Stage[]) => readonly Stage[],
): void {
  const met = new Set<string>()
  const numberOf = numbering()
  for (const waiting = [{ at: 0, stages: start }]; waiting.length > 0; ) {
    const { at, stages } = waiting.pop()!
    const key = `${at} ${numberOf(stages, at)}`
    if (at >= end || met.has(key)) continue
    met.add(key)
    if (met.size > mostStates) throw fault(at, 'the file can be read in too many ways')
    for (const { judge, next } of steps.get(at) ?? []) {
      waiting.push({ at: next, stages: judge ? see(judge(), at, stages) : stages })
    }
  }
}

/** Numbers lists of stages, equal ones alike. A list that is another's and a stage more is told by that one's number. */
function numbering(): (stages: readonly Stage[], at: number) => number {
  const ofList = new WeakMap<readonly Stage[], number>()
  const ofWords = new Map<string, number>()
  let characters = 0
  return (stages, at) => {
    const known = ofList.get(stages)
    if (known !== undefined) return known
    let number = 0
    for (const stage of stages) {
      const words = `${number} ${textOf(stage)}`
      const before = ofWords.size
      number = ofWords.get(words) ?? before + 1
      ofWords.set(words, number)
      if (ofWords.size > before) characters += words.length
    }
    if (characters > mostCharacters) throw fault(at, 'the file has too many stages and triggers')
    ofList.set(stages, number)
    return number
  }
}

const texts = new WeakMap<Stage, string>()

function textOf(stage: Stage): string {
  const known = texts.get(stage)
  if (known !== undefined) return known
  const text = JSON.stringify([stage.name, stage.triggers])
  texts.set(stage, text)
  return text
}

/** One instruction: refused, or the stages after it. */
function judge(judged: Judged, at: number, stages: readonly Stage[], allowed: AllowedContents): readonly Stage[] {
  const own = stages.at(-1)
  const earlier = stages.slice(0, -1)
  if (judged.kind === 'from') {
    if (stages.length >= mostStages) throw fault(at, `the file has more than ${mostStages} stages`)
    const inherited = beginningOf(judged.name, at, stages, allowed)
    for (const source of inherited)
      if (!isKnown(source, stages, allowed))
        throw fault(
          at,
          `an ONBUILD trigger of ${judged.name} names ${source}, which is neither an earlier stage nor a digest`,
          'onbuild-refused',
        )
    return [...stages, { name: judged.stage, triggers: inherited }]
  }
  if (judged.kind === 'onbuild' && own) {
    const further = judged.trigger.sources.filter((source) => !own.triggers.includes(source))
    if (further.length === 0) return stages
    return [...earlier, { ...own, triggers: [...new Set([...own.triggers, ...further])] }]
  }
  for (const source of judged.kind === 'other' ? judged.sources : [])
    if (!isKnown(source, earlier, allowed))
      throw fault(
        at,
        `${source === '' ? 'an empty name' : source} is neither an earlier stage nor a digest that was resolved`,
      )
  return stages
}

/** What the triggers name that a FROM of this name sets off. */
function beginningOf(name: string, at: number, stages: readonly Stage[], allowed: AllowedContents): string[] {
  const triggers = allowed.get(name)
  if (triggers) return [...new Set(triggers.flatMap(sourcesOfTrigger))]
  const named = stages.filter((stage) => stage.name !== null && stage.name === name.toLowerCase())
  if (named.length > 0) return [...new Set(named.flatMap((stage) => stage.triggers))]
  if (name === 'scratch') return []
  throw fault(at, `FROM ${name} is neither an earlier stage nor a digest that was resolved`)
}

const isKnown = (source: string, earlier: readonly Stage[], allowed: AllowedContents): boolean =>
  allowed.has(source) ||
  source === 'scratch' ||
  (/^(0|[1-9]\d*)$/.test(source)
    ? Number(source) < earlier.length
    : earlier.some((stage) => stage.name !== null && stage.name === source.toLowerCase()))
