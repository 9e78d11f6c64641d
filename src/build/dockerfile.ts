import { type Arg, type Copy, type Dockerfile, DockerfileParser, type From, type Instruction } from 'dockerfile-ast'
import { parseReference, type Reference } from '../oci/reference.ts'
import { BuildError } from './build-error.ts'
import { type ArgLookup, expandArgs } from './expand-args.ts'
import { hasHeredocs, withoutHeredocs } from './heredocs.ts'

/**
 * One place of a Dockerfile that names a foreign base: its offsets in the text, and the platform its FROM asks for. `counts`: the stage
 * that is built needs it.
 */
export type BaseUse = {
  reference: Reference
  role: 'runtime' | 'build'
  counts: boolean
  platform: string | null
  start: number
  end: number
}

type Use = BaseUse | UnresolvedUse
/** `parent`: the stage it begins with; `needs`: those it copies from; `uses`: what it takes from outside, its FROM first */
type Stage = { name: string | null; use: Use | null; parent: number | null; needs: number[]; uses: Use[] }
type Token = { text: string; start: number; end: number; line: number }

/** A FROM that names nothing until somebody gives its arguments a value. `line`: counted from 1. */
export type UnresolvedUse = { role: 'runtime' | 'build'; counts: boolean; line: number; message: string }

export type Uses = { uses: BaseUse[]; unresolved: UnresolvedUse[] }

/**
 * Every base a Dockerfile takes from outside: each FROM, `COPY --from` and `RUN --mount from=` that names no stage of its own.
 * `runtime` is the one the last stage (or `target`) ends in, through aliases; all others are `build`. Without a target all count; with
 * one those of the stages it needs. `args` are the recipe's build arguments, `builtin` what the builder predefines (BuildKit:
 * TARGETPLATFORM, …). ONBUILD triggers of a base are not looked into.
 * Errors: `unresolved-arg`, `base-invalid`, `dockerfile-invalid`, `target-absent`.
 */
export function readBases(...asked: Parameters<typeof readUses>): BaseUse[] {
  const { uses, unresolved } = readUses(...asked)
  const needed = unresolved.find((use) => use.counts)
  if (needed) throw new BuildError('unresolved-arg', needed.message)
  return uses
}

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
      stages.push(readFrom(instruction as From, stages, offsets, lookup, escapeChar))
      continue
    }
    const stage = stages.at(-1)
    for (const token of sourcesOf(instruction, offsets)) {
      const named = stageNamed(token, stages)
      if (named === null) stage?.uses.push(externalUse(token, token.text, null))
      else stage?.needs.push(stages.indexOf(named))
    }
  }
  const built = stageOf(target, stages)
  let end: Stage = stages[built]!
  while (end.parent !== null) end = stages[end.parent]!
  const needed = target === null ? new Set(stages.keys()) : neededBy(built, stages)
  const ruled = stages.flatMap((stage, at) =>
    stage.uses.map((use): Use => ({ ...use, role: use === end.use ? 'runtime' : 'build', counts: needed.has(at) })),
  )
  return {
    uses: ruled.filter((use) => 'reference' in use),
    unresolved: ruled.filter((use): use is UnresolvedUse => !('reference' in use)),
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

/** The same Dockerfile with each use replaced by `replace(use)`: the whole token, so that no argument can change it again. */
export function rewriteBases<T extends BaseUse>(text: string, uses: readonly T[], replace: (use: T) => string): string {
  const fromTheEnd = [...uses].sort((a, b) => b.start - a.start)
  return fromTheEnd.reduce((out, use) => out.slice(0, use.start) + replace(use) + out.slice(use.end), text)
}

/** True where a Dockerfile uses what the legacy builder does not know: mounts, links, heredocs, a frontend of its own. */
export const needsBuildKit = (text: string): boolean =>
  /^(\uFEFF?#\s*\w+\s*=.*\r?\n)*\uFEFF?#\s*syntax\s*=/i.test(text) ||
  hasHeredocs(text, DockerfileParser.parse(text).getEscapeCharacter()) ||
  /^\s*RUN\s+(--\w+=\S+\s+)*--(mount|network|security)=/im.test(text) ||
  /^\s*(COPY|ADD)\s+(--\w+(=\S+)?\s+)*--(link|parents|exclude|chmod|checksum)\b/im.test(text)

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
  const stage = (use: Use | null, parent: number | null): Stage => ({
    ...{ name, use, parent, needs: [], uses: use === null ? [] : [use] },
  })
  if (typeof wanted !== 'string') return stage(wanted, null)
  if (wanted.toLowerCase() === 'scratch') return stage(null, null)
  const parent = stages.findLastIndex((other) => other.name === wanted.toLowerCase())
  if (parent >= 0) return stage(null, parent)
  const flag = from.getPlatformFlag()?.getValue() ?? null
  const platform = flag === null ? null : expandArgs(flag, lookup, escapeChar) || null
  return stage(externalUse(token, wanted, platform), null)
}

/** What `COPY --from=` and `RUN --mount=…,from=` name; neither expands variables. */
function sourcesOf(instruction: Instruction, offsets: number[]): Token[] {
  const keyword = instruction.getKeyword()
  if (keyword !== 'COPY' && keyword !== 'RUN') return []
  return (instruction as Copy).getFlags().flatMap((flag) => {
    const source = keyword === 'COPY' ? (flag.getName() === 'from' ? flag : null) : flag.getOption('from')
    if (keyword === 'RUN' && flag.getName() !== 'mount') return []
    const range = source?.getValueRange()
    const text = source?.getValue()
    return range && text ? [tokenAt(text, range, offsets)] : []
  })
}

/** The stage a source means, by name or number, or null where it names something foreign. A number means a stage or nothing. */
function stageNamed({ text, line }: Token, stages: readonly Stage[]): Stage | null {
  if (!/^\d+$/.test(text)) return stages.find((stage) => stage.name === text.toLowerCase()) ?? null
  const stage = stages[Number(text)]
  if (!stage) throw new BuildError('dockerfile-invalid', `line ${line + 1}: there is no stage ${text} before it`)
  return stage
}

const whereIs = ({ line, text }: Token): string => `line ${line + 1}: ${text}`

const unresolved = (token: Token, message: string): UnresolvedUse => ({
  role: 'build',
  counts: true,
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
  const reference = /\$/.test(wanted) ? null : parseReference(wanted)
  if (reference) return { reference, role: 'build', counts: true, platform, start: token.start, end: token.end }
  if (/\$/.test(token.text) || wanted === '') return unresolved(token, 'has no value to build from')
  throw new BuildError('base-invalid', `${whereIs(token)} is no image reference (it says "${wanted}")`)
}

type TextRange = { start: { line: number; character: number }; end: { line: number; character: number } }

const tokenAt = (text: string, range: TextRange, offsets: number[]): Token => ({
  text,
  start: offsets[range.start.line]! + range.start.character,
  end: offsets[range.end.line]! + range.end.character,
  line: range.start.line,
})

/** Where each line starts; a line ends with LF, CRLF or CR, as the parser counts them. */
const lineOffsets = (text: string): number[] => [
  0,
  ...[...text.matchAll(/\r\n|\n|\r/g)].map((m) => m.index + m[0].length),
]
