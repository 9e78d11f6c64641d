import { type Arg, type Copy, type Dockerfile, DockerfileParser, type From, type Instruction } from 'dockerfile-ast'
import { parseReference, type Reference } from '../oci/reference.ts'
import { BuildError } from './build-error.ts'
import { type ArgLookup, expandArgs } from './expand-args.ts'
import { withoutHeredocs } from './heredocs.ts'
import { type Edit, lineOffsets, type Place, type Token, tokenAt } from './places.ts'

/** `counts`: the stage that is built needs it. `stage`: the number of the one it stands in. */
type Placed = Place & { role: 'runtime' | 'build'; counts: boolean; stage: number }

/** One place of a Dockerfile that names a foreign base, and the platform its FROM asks for. */
export type BaseUse = Placed & { reference: Reference; platform: string | null }

type Use = BaseUse | UnresolvedUse
/**
 * `parent`: the stage it begins with; `needs`: those it copies from, `copied` by name; `uses`: what it takes from outside, its FROM first; `edits`:
 * words of it that another parser might read otherwise
 */
type Stage = {
  name: string | null
  use: Use | null
  parent: number | null
  needs: number[]
  copied: string[]
  uses: Use[]
  edits: Edit[]
}

/** A FROM that names nothing until somebody gives its arguments a value. `line`: counted from 1. */
export type UnresolvedUse = Placed & { line: number; message: string }

/** `edits`: names of stages and platforms written out, so that no variable or capital is left in them. `built`: the number of the stage that is built. */
export type Uses = { uses: BaseUse[]; unresolved: UnresolvedUse[]; edits: Edit[]; built: number }

/**
 * Every base a Dockerfile takes from outside: each FROM, `COPY --from` and `RUN --mount from=` that names no stage of its own.
 * `runtime` is the one the last stage (or `target`) ends in, through aliases; all others are `build`. Without a target all count; with
 * one those of the stages it needs. `args` are the recipe's build arguments, `builtin` what the builder predefines (BuildKit:
 * TARGETPLATFORM, …). ONBUILD triggers of a base are not known here (builders/pull-bases.ts).
 * Errors: `unresolved-arg`, `base-invalid`, `dockerfile-invalid`, `target-absent`.
 */
export function readBases(...asked: Parameters<typeof readUses>): BaseUse[] {
  const { uses, unresolved } = readUses(...asked)
  const needed = unresolved.find((use) => use.counts)
  if (needed) throw new BuildError('unresolved-arg', needed.message)
  return uses
}

/** What people write has a handful; each names a base, which is looked up. */
const mostStages = 1000

/** The same, where a FROM that cannot be resolved does not cost the others. */
export function readUses(
  text: string,
  args: Readonly<Record<string, string>>,
  builtin: Readonly<Record<string, string>> = {},
  target: string | null = null,
): Uses {
  const escapeChar = DockerfileParser.parse(text).getEscapeCharacter()
  const file = DockerfileParser.parse(withoutHeredocs(text, escapeChar))
  const offsets = lineOffsets(text)
  const lookup = globalArgs(file, args, builtin)
  const stages: Stage[] = []
  for (const instruction of file.getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      if (stages.length >= mostStages)
        throw new BuildError('dockerfile-invalid', `the Dockerfile has more than ${mostStages} stages`)
      stages.push(readFrom(instruction as From, stages, offsets, lookup, escapeChar))
      continue
    }
    const stage = stages.at(-1)
    for (const source of sourcesOf(instruction, offsets)) {
      const name = source.text.toLowerCase()
      if (source.isNumber) stage?.needs.push(numbered(source, stages))
      else if (stages.some((other) => other.name === name)) {
        stage?.copied.push(name)
        stage?.edits.push(...writtenOut(source, name))
      } else if (source.text !== 'scratch') stage?.uses.push(externalUse(source, source.text, null))
    }
  }
  // Of two stages of one name Docker means the last, wherever that stands; FROM alone means the last before it.
  for (const stage of stages)
    stage.needs.push(...stage.copied.map((name) => stages.findLastIndex((other) => other.name === name)))
  const built = stageOf(target, stages)
  let end: Stage = stages[built]!
  while (end.parent !== null) end = stages[end.parent]!
  const needed = target === null ? new Set(stages.keys()) : neededBy(built, stages)
  const ruled = stages.flatMap((stage, at) =>
    stage.uses.map((use): Use => {
      return { ...use, role: use === end.use ? 'runtime' : 'build', counts: needed.has(at), stage: at }
    }),
  )
  return {
    uses: ruled.filter((use) => 'reference' in use),
    unresolved: ruled.filter((use): use is UnresolvedUse => !('reference' in use)),
    edits: stages.flatMap((stage) => stage.edits),
    built,
  }
}

/** Which stage is built: the last, or the one the target names, by name or number. */
function stageOf(target: string | null, stages: readonly Stage[]): number {
  if (stages.length === 0) throw new BuildError('dockerfile-invalid', 'the Dockerfile has no FROM')
  if (target === null) return stages.length - 1
  const named = stages.findLastIndex((stage) => stage.name === target.toLowerCase())
  const at = named < 0 && /^\d+$/.test(target) ? Number(target) : named
  if (!stages[at]) throw new BuildError('target-absent', `the Dockerfile has no stage ${target}`)
  return at
}

/** A stage and all it begins with or copies from. */
function neededBy(stage: number, stages: readonly Stage[], found = new Set<number>()): Set<number> {
  if (found.has(stage)) return found
  found.add(stage)
  const { parent, needs } = stages[stage]!
  for (const other of parent === null ? needs : [parent, ...needs]) neededBy(other, stages, found)
  return found
}

/** The arguments in force in FROM lines: those declared before the first FROM, build arguments over defaults. */
function globalArgs(
  file: Dockerfile,
  args: Readonly<Record<string, string>>,
  builtin: Readonly<Record<string, string>>,
): ArgLookup {
  const values = new Map(Object.entries(builtin))
  const lookup: ArgLookup = (name) => values.get(name)
  for (const arg of file.getInitialARGs() as Arg[]) {
    for (const property of arg.getProperties()) {
      const name = property.getName()
      const fallback = property.getUnescapedValue()
      const given = Object.hasOwn(args, name) ? args[name] : undefined
      const value = given ?? (fallback === null ? undefined : defaultOf(fallback, lookup, file.getEscapeCharacter()))
      if (value !== undefined) values.set(name, value)
    }
  }
  return lookup
}

/** A default that cannot be told before the build is none: the FROM that needs it says so. */
function defaultOf(text: string, lookup: ArgLookup, escapeChar: string): string | undefined {
  try {
    return expandArgs(text, lookup, escapeChar)
  } catch (error) {
    if (error instanceof BuildError && error.code === 'unresolved-arg') return undefined
    throw error
  }
}

function readFrom(
  from: From,
  stages: readonly Stage[],
  offsets: number[],
  lookup: ArgLookup,
  escapeChar: string,
): Stage {
  const range = from.getImageRange()
  const name = from.getBuildStage()?.toLowerCase() ?? null
  if (!range) throw new BuildError('dockerfile-invalid', `line ${from.getRange().start.line + 1}: FROM names nothing`)
  const token = tokenAt(from.getImage() ?? '', range, offsets)
  const wanted = expanded(token, lookup, escapeChar)
  const flag = from.getPlatformFlag()
  const asked = flag?.getValue() ?? null
  const platform = asked === null ? null : expandArgs(asked, lookup, escapeChar) || null
  const where = flag?.getValueRange()
  const edits = asked && platform && where ? writtenOut(tokenAt(asked, where, offsets), platform) : []
  const stage = (use: Use | null, parent: number | null, meant: string | null): Stage => ({
    ...{ name, use, parent, needs: [], copied: [], uses: use === null ? [] : [use] },
    edits: meant === null ? edits : [...edits, ...writtenOut(token, meant)],
  })
  if (typeof wanted !== 'string') return stage(wanted, null, null)
  const parent = stages.findLastIndex((other) => other.name !== null && other.name === wanted.toLowerCase())
  if (parent >= 0) return stage(null, parent, stages[parent]!.name)
  if (wanted === 'scratch') return stage(null, null, wanted)
  return stage(externalUse(token, wanted, platform), null, null)
}

const writtenOut = ({ start, end, text }: Token, meant: string): Edit[] =>
  text === meant ? [] : [{ start, end, text: meant }]

/** `isNumber`: it means a stage by its number. */
type Source = Token & { isNumber: boolean }

/**
 * What `COPY --from=` and `RUN --mount=…,from=` name; neither expands variables. A number means a stage to COPY alone: a mount takes it for a name.
 * After toCommand and detectRunMount of moby/buildkit frontend/dockerfile/dockerfile2llb.
 */
function sourcesOf(instruction: Instruction, offsets: number[]): Source[] {
  const keyword = instruction.getKeyword()
  if (keyword !== 'COPY' && keyword !== 'RUN') return []
  return (instruction as Copy).getFlags().flatMap((flag) => {
    const source = keyword === 'COPY' ? (flag.getName() === 'from' ? flag : null) : flag.getOption('from')
    if (keyword === 'RUN' && flag.getName() !== 'mount') return []
    const range = source?.getValueRange()
    const text = source?.getValue()
    if (!range || !text) return []
    return [{ ...tokenAt(text, range, offsets), isNumber: keyword === 'COPY' && /^\d+$/.test(text) }]
  })
}

function numbered({ text, line }: Token, stages: readonly Stage[]): number {
  if (stages[Number(text)]) return Number(text)
  throw new BuildError('dockerfile-invalid', `line ${line + 1}: there is no stage ${text} before it`)
}

const whereIs = ({ line, text }: Token): string => `line ${line + 1}: ${text}`

/** Its role, and whether it counts, are found when all stages are known. */
const placed = ({ start, end }: Token): Placed => ({ start, end, role: 'build', counts: true, stage: 0 })

const unresolved = (token: Token, message: string): UnresolvedUse => ({
  ...placed(token),
  line: token.line + 1,
  message: `${whereIs(token)} ${message}`,
})

/** The word a FROM means, or why nobody can tell before the build. */
function expanded(token: Token, lookup: ArgLookup, escapeChar: string): string | UnresolvedUse {
  try {
    return expandArgs(token.text, lookup, escapeChar)
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'unresolved-arg') throw error
    return unresolved(token, `(${error.message})`)
  }
}

/** A word with variables that comes to no reference has one without a value: `debian:$VERSION`. */
function externalUse(token: Token, wanted: string, platform: string | null): Use {
  if (isImageId.test(wanted))
    throw new BuildError('base-invalid', `${whereIs(token)} is the id of an image on some daemon, and no reference`)
  const reference = /\$/.test(wanted) ? null : parseReference(wanted)
  if (reference) return { ...placed(token), reference, platform }
  if (/\$/.test(token.text) || wanted === '') return unresolved(token, 'has no value to build from')
  throw new BuildError('base-invalid', `${whereIs(token)} is no image reference (it says "${wanted}")`)
}

/** What Docker may look up on the daemon alone: whole, or shortened as it shows them. */
const isImageId = /^(sha256:[0-9a-f]+|[0-9a-f]{12}|[0-9a-f]{64})$/
