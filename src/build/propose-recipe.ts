/*
 * In: where the platforms of a tag say they were built from.
 * Out: a recipe to accept, what it rests on, and what nobody can be sure of.
 * Guarantees: pure; nothing is left out in silence: what the installation refuses or a recipe cannot say is a doubt.
 */
import { posix } from 'node:path'
import type { ObservedOrigin } from '../ingest/observe-origin.ts'
import type { BuildRequest } from '../oci/build-origin.ts'
import { type GitSource, normaliseGitUrl } from './normalise-git-url.ts'
import { parseRecipe, type Recipe } from './recipe.ts'

/** What may be uncertain of a proposal. */
export const doubtCodes = [
  'refused', //           PUT would refuse it
  'assumed', //           said by nobody, the usual is taken
  'fixed-commit', //      rebuilds stay at the commit
  'not-told', //          the evidence may leave some of it out
  'left-out', //          a recipe has no field for it
  'sources-differ', //    something else says otherwise
  'abbreviated', //     git fetches no shortened commit
] as const

/** The field it bears on, a stable code, words for a person. */
export type Doubt = { path: string; code: DoubtCode; message: string }
export type DoubtCode = (typeof doubtCodes)[number]

/** `recipe`: a body for PUT. `acceptable`: PUT takes it as it is. */
export type Proposal = { acceptable: boolean; recipe: ProposedRecipe; evidence: ObservedOrigin[]; doubts: Doubt[] }
export type ProposedRecipe = Pick<Recipe, 'context' | 'dockerfile' | 'args' | 'strategy'> &
  Partial<Pick<Recipe, 'platforms' | 'target'>> & {
    git: { url: string; ref: string; credential?: string }
  }

type Read = { origin: ObservedOrigin; git: GitSource }

/** `origins`: the strongest first; inherited labels left out. `platforms`: those of the tag. Null where there are no origins. */
export function proposeRecipe(
  origins: readonly ObservedOrigin[],
  { platforms, gitProtocols }: { platforms: readonly string[]; gitProtocols: readonly string[] },
): Proposal | null {
  const read = origins.map((origin) => ({ origin, git: normaliseGitUrl(origin.url) }))
  const best = read[0]
  if (!best) return null
  const agreeing = read.filter(({ git }) => sameSource(git.url, best.git.url))
  const first = <T>(of: (read: Read) => T | null): T | null => agreeing.map(of).find((value) => value !== null) ?? null
  const revision = first(({ origin }) => origin.revision)
  const branch = first(({ git }) => git.ref)
  const context = first(({ origin, git }) => origin.context ?? git.subdir)
  const dockerfile = first(({ origin }) => origin.dockerfile)
  const request = first(({ origin }) => (origin.evidence === 'provenance' ? origin.request : null))
  const ref = revision === null ? branch : normaliseGitUrl(`#${revision}`).ref
  const recipe: ProposedRecipe = {
    git: { url: best.git.url, ref: ref ?? 'HEAD' },
    context: tidy(context ?? '.'),
    dockerfile: tidy(dockerfile ?? 'Dockerfile'),
    args: Object.fromEntries(Object.entries(request?.args ?? {}).filter(([name]) => !ofBuilder.test(name))),
    strategy: 'dockerfile',
    ...(platforms.length > 1 ? { platforms: [...platforms] } : {}),
    ...(request?.target ? { target: request.target } : {}),
  }
  const parsed = parseRecipe(recipe, { gitProtocols })
  const faults = parsed.ok ? [] : parsed.faults.map(({ path, message }) => doubt(path, 'refused', message))
  const others = read.filter(({ git }) => !sameSource(git.url, best.git.url))
  return {
    acceptable: parsed.ok,
    recipe,
    evidence: [...origins],
    doubts: [
      ...faults,
      ...others.map(({ origin }) =>
        doubt('git.url', 'sources-differ', `${origin.evidence} ${origin.source} says ${origin.url}`),
      ),
      ...doubtsOfRef(recipe.git.ref, { said: ref !== null, branch }),
      ...(context === null ? [doubt('context', 'assumed', 'nobody says which directory is the build context')] : []),
      ...(dockerfile === null ? [doubt('dockerfile', 'assumed', 'nobody names the Dockerfile')] : []),
      ...doubtsOfRequest(request),
    ],
  }
}

const doubt = (path: string, code: DoubtCode, message: string): Doubt => ({ path, code, message })

/** Arguments of the builder and its surroundings, not of the Dockerfile. */
const ofBuilder = /^(BUILDKIT_.*|SOURCE_DATE_EPOCH|(https?|ftp|no|all)_proxy)$/i

const tidy = (path: string): string => posix.normalize(path).replace(/(.)\/$/, '$1')

const sameSource = (a: string, b: string): boolean => sourceKey(a) === sourceKey(b)
const sourceKey = (url: string): string => url.replace(/\.git$/i, '').toLowerCase()

const isCommit = (ref: string): boolean => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(ref)

const isShortened = (ref: string): boolean => /^[0-9a-f]{7,39}$/.test(ref)

function doubtsOfRef(ref: string, { said, branch }: { said: boolean; branch: string | null }): Doubt[] {
  if (!said) return [doubt('git.ref', 'assumed', 'nobody names a commit or branch: HEAD is the default branch')]
  if (isShortened(ref))
    return [
      doubt(
        'git.ref',
        'abbreviated',
        'it looks like a shortened commit: a server gives that out only under its whole name',
      ),
    ]
  if (!isCommit(ref)) return []
  const other = branch !== null && branch !== ref ? `; it was built from ${branch}` : ''
  return [doubt('git.ref', 'fixed-commit', `rebuilds stay at this commit until a branch is named${other}`)]
}

function doubtsOfRequest(request: BuildRequest | null): Doubt[] {
  const { contexts = [], secrets = [], complete = null } = request ?? {}
  const lists: [string, string[]][] = [
    ['further build contexts', contexts],
    ['the text of secrets', secrets],
  ]
  return [
    ...(complete === true ? [] : [doubt('args', 'not-told', 'the evidence need not name all build arguments')]),
    ...lists
      .filter(([, names]) => names.length > 0)
      .map(([what, names]) => doubt('', 'left-out', `the proposal cannot say ${what}: ${names.join(', ')}`)),
  ]
}
