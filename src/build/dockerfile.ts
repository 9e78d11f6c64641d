import { type Arg, type Copy, type Dockerfile, DockerfileParser, type From, type Instruction } from 'dockerfile-ast'
import { parseReference, type Reference } from '../oci/reference.ts'
import { BuildError } from './build-error.ts'
import { type ArgLookup, expandArgs } from './expand-args.ts'
import { withoutHeredocs } from './heredocs.ts'

/** One place of a Dockerfile that names a foreign base: its offsets in the text, and the platform its FROM asks for. */
export type BaseUse = {
  reference: Reference
  role: 'runtime' | 'build'
  platform: string | null
  start: number
  end: number
}

type Use = BaseUse | UnresolvedUse
type Stage = { name: string | null; use: Use | null; parent: number | null }
type Token = { text: string; start: number; end: number; line: number }

/** A FROM that names nothing until somebody gives its arguments a value. `line`: counted from 1. */
export type UnresolvedUse = { role: 'runtime' | 'build'; line: number; message: string }

export type Uses = { uses: BaseUse[]; unresolved: UnresolvedUse[] }

/**
 * Every base a Dockerfile takes from outside: each FROM, `COPY --from` and `RUN --mount from=` that names no stage of its own.
 * `runtime` is the one the last stage ends in, through aliases; all others are `build`. `args` are the recipe's build arguments,
 * `builtin` what the builder predefines (BuildKit: TARGETPLATFORM, …). ONBUILD triggers of a base are not looked into.
 * Errors: `unresolved-arg`, `base-invalid`, `dockerfile-invalid`.
 */
export function readBases(...asked: Parameters<typeof readUses>): BaseUse[] {
  const { uses, unresolved } = readUses(...asked)
  if (unresolved[0]) throw new BuildError('unresolved-arg', unresolved[0].message)
  return uses
}

/** The same, where a FROM that cannot be resolved does not cost the others. Errors: `base-invalid`, `dockerfile-invalid`. */
export function readUses(
  text: string,
  args: Readonly<Record<string, string>>,
  builtin: Readonly<Record<string, string>> = {},
): Uses {
  const escapeChar = DockerfileParser.parse(text).getEscapeCharacter()
  const file = DockerfileParser.parse(withoutHeredocs(text, escapeChar))
  const offsets = lineOffsets(text)
  const lookup = globalArgs(file, args, builtin)
  const stages: Stage[] = []
  const all: Use[] = []
  for (const instruction of file.getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const stage = readFrom(instruction as From, stages, offsets, lookup, escapeChar)
      if (stage.use) all.push(stage.use)
      stages.push(stage)
      continue
    }
    for (const token of sourcesOf(instruction, offsets)) {
      if (stageNamed(token, stages) === null) all.push(externalUse(token, token.text, null))
    }
  }
  const last = stages.at(-1)
  if (!last) throw new BuildError('dockerfile-invalid', 'the Dockerfile has no FROM')
  let end: Stage = last
  while (end.parent !== null) end = stages[end.parent]!
  const ruled = all.map((use): Use => (use === end.use ? { ...use, role: 'runtime' } : use))
  return {
    uses: ruled.filter((use) => 'reference' in use),
    unresolved: ruled.filter((use): use is UnresolvedUse => !('reference' in use)),
  }
}

/** The same Dockerfile with each use replaced by `replace(use)`: the whole token, so that no argument can change it again. */
export function rewriteBases<T extends BaseUse>(text: string, uses: readonly T[], replace: (use: T) => string): string {
  const fromTheEnd = [...uses].sort((a, b) => b.start - a.start)
  return fromTheEnd.reduce((out, use) => out.slice(0, use.start) + replace(use) + out.slice(use.end), text)
}

/** True where a Dockerfile uses what the legacy builder does not know: mounts, links, heredocs, a frontend of its own. */
export const needsBuildKit = (text: string): boolean =>
  /^#\s*syntax\s*=/im.test(text) ||
  /^\s*RUN\s+(--\w+=\S+\s+)*--(mount|network|security)=/im.test(text) ||
  /^\s*(COPY|ADD)\s+(--\w+(=\S+)?\s+)*--(link|parents|exclude|chmod|checksum)\b/im.test(text) ||
  /^\s*(RUN|COPY|ADD)\s.*<<-?["']?[A-Za-z_]/im.test(text)

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
  if (typeof wanted !== 'string') return { name, use: wanted, parent: null }
  if (wanted.toLowerCase() === 'scratch') return { name, use: null, parent: null }
  const parent = stages.findLastIndex((stage) => stage.name === wanted.toLowerCase())
  if (parent >= 0) return { name, use: null, parent }
  const flag = from.getPlatformFlag()?.getValue() ?? null
  const platform = flag === null ? null : expandArgs(flag, lookup, escapeChar) || null
  return { name, use: externalUse(token, wanted, platform), parent: null }
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
  if (reference) return { reference, role: 'build', platform, start: token.start, end: token.end }
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
