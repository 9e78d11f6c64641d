/*
 * In: a recipe's Dockerfile and arguments, and one platform of what stands under its tag.
 * Out: the bases it names, as declarations of that platform's manifest.
 * Guarantees: a function of the text; a FROM without a value is a row that says so; a file that cannot be read is a BuildError.
 */
import type { ObservedDeclaration } from '../ingest/observe.ts'
import { type Platform, parsePlatform } from '../oci/platform.ts'
import { tagRef } from '../oci/reference.ts'
import { type BaseUse, readUses } from './dockerfile.ts'
import { lineOffsets } from './places.ts'

/** Under this `source` stands what a tag's recipe says. */
export const recipeSource = (ref: string): string => `recipe:${ref}`

/** `digest`: the manifest of this platform, by itself or in the tag's index. */
export type Subject = { digest: string; platform: Platform | null }

/**
 * Names without digests: nobody knows what a name pointed at when the image was built, unless the FROM itself says so (`pinned`).
 * A base of the last stage and of another is the last stage's. `target`: the stage that is built, null for the last.
 */
export function declaredByRecipe(
  ref: string,
  subject: Subject,
  dockerfile: string,
  args: Readonly<Record<string, string>>,
  target: string | null = null,
): ObservedDeclaration[] {
  const all = readUses(dockerfile, args, builtinArgs(subject.platform), target)
  const uses = all.uses.filter((use) => use.counts)
  const unresolved = all.unresolved.filter((use) => use.counts)
  const common = { subject: subject.digest, evidence: 'recipe' as const, source: recipeSource(ref) }
  const named = distinct(uses).map(({ reference: { host, repository, tag, digest }, role, platform }) => ({
    ...common,
    name: tag === null ? null : tagRef(host, repository, tag),
    digest,
    platform: otherPlatform(platform, subject.platform),
    role,
    pinned: digest !== null,
    reason: null,
  }))
  const open = unresolved.map(({ role }) => ({
    ...{ ...common, name: null, digest: null, platform: null },
    ...{ role, pinned: false, reason: 'unresolved-arg' as const },
  }))
  return [...named, ...open].map((declaration, position) => ({ ...declaration, position }))
}

/** Where a Dockerfile names bases by digest, of those that the stage to be built needs. `line` counts from 1. */
export function pinnedLines(
  dockerfile: string,
  args: Readonly<Record<string, string>>,
  target: string | null = null,
): { line: number; name: string }[] {
  const offsets = lineOffsets(dockerfile)
  const { uses } = readUses(dockerfile, args, builtinArgs(null), target)
  const pinned = uses.filter(({ counts, reference }) => counts && reference.digest !== null)
  return pinned.map(({ start, end }) => ({
    line: offsets.findLastIndex((offset) => offset <= start) + 1,
    name: dockerfile.slice(start, end),
  }))
}

function distinct(uses: readonly BaseUse[]): BaseUse[] {
  const bases = new Map<string, BaseUse>()
  for (const use of uses) {
    const { host, repository, tag, digest } = use.reference
    const key = [host, repository, tag, digest].join(' ')
    if (use.role === 'runtime' || !bases.has(key)) bases.set(key, use)
  }
  return [...bases.values()]
}

/** The platform a FROM asks for, where it is not the image's own. */
function otherPlatform(asked: string | null, own: Platform | null): Platform | null {
  const platform = asked === null ? null : parsePlatform(asked)
  return platform === own ? null : platform
}

/**
 * What BuildKit predefines in FROM lines. On which platform the builder ran nobody knows; taken for the image's own, which is where a
 * name's move is looked for anyway. https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope
 */
function builtinArgs(platform: Platform | null): Record<string, string> {
  if (platform === null) return {}
  const [text = ''] = platform.split(';')
  const [os = '', arch = '', variant = ''] = text.split('/')
  const named = (prefix: string) => ({
    [`${prefix}PLATFORM`]: text,
    [`${prefix}OS`]: os,
    [`${prefix}ARCH`]: arch,
    [`${prefix}VARIANT`]: variant,
  })
  return { ...named('BUILD'), ...named('TARGET') }
}
