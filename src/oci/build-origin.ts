import { posix } from 'node:path'
import { z } from 'zod'

/**
 * What a build was made from, as its provenance says. `url`: the source repository as said, but without a password; `revision`: a
 * commit, else a branch or tag; `context`: the directory of the build context within the source; `dockerfile`: within the context, or
 * where it lies outside it, from the source's top. null: not said.
 */
export type BuildOrigin = {
  url: string
  revision: string | null
  dockerfile: string | null
  context: string | null
  request: BuildRequest
}

/**
 * What was asked of the builder besides: build arguments, the target stage, the names of further contexts and of secrets.
 * `complete` false: the provenance leaves some of it out; null: it does not say.
 */
export type BuildRequest = {
  args: Record<string, string>
  target: string | null
  contexts: string[]
  secrets: string[]
  complete: boolean | null
}

export const nothingAsked: BuildRequest = { args: {}, target: null, contexts: [], secrets: [], complete: null }

const text = z.string().min(1).max(4000).nullish().catch(null)
const digests = z.record(z.string(), z.unknown()).nullish().catch(null)
const configSource = z.object({ uri: text, digest: digests, entryPoint: text, path: text }).nullish().catch(null)
const named = z
  .array(z.object({ id: text }).nullable().catch(null))
  .nullish()
  .catch(null)
const request = z
  .object({ args: z.record(z.string(), z.unknown()).nullish().catch(null), secrets: named })
  .nullish()
  .catch(null)
const resources = z
  .array(z.object({ uri: z.string(), digest: digests }).nullable().catch(null))
  .nullish()
  .catch(null)
const metadata = z
  .object({ vcs: z.record(z.string(), z.unknown()).nullish().catch(null) })
  .nullish()
  .catch(null)

const Predicate = z.object({
  buildDefinition: z
    .object({
      externalParameters: z
        .object({
          configSource,
          request,
          source: z
            .union([z.string().transform((uri) => ({ uri, digest: null })), z.object({ uri: text, digest: digests })])
            .nullish()
            .catch(null),
          workflow: z.object({ repository: text, ref: text }).nullish().catch(null),
        })
        .nullish()
        .catch(null),
      internalParameters: z.object({ configSource }).nullish().catch(null),
      resolvedDependencies: resources,
    })
    .nullish()
    .catch(null),
  runDetails: z
    .object({
      metadata: z
        .object({
          buildkit_metadata: metadata,
          buildkit_completeness: z.object({ request: z.boolean() }).nullish().catch(null),
        })
        .nullish()
        .catch(null),
    })
    .nullish()
    .catch(null),
  invocation: z.object({ configSource, parameters: request }).nullish().catch(null),
  metadata: z
    .object({
      completeness: z.object({ parameters: z.boolean() }).nullish().catch(null),
      'https://mobyproject.org/buildkit@v1#metadata': metadata,
    })
    .nullish()
    .catch(null),
  materials: resources,
})
type Predicate = z.output<typeof Predicate>

/**
 * Where a provenance predicate (SLSA v1, v0.2) says its source is: the config source where that is git, else what BuildKit recorded of
 * the local checkout (`vcs`), else the one git entry among the materials. Null where it names none.
 * https://docs.docker.com/build/metadata/attestations/slsa-definitions/
 */
export function originOf(predicate: unknown): BuildOrigin | null {
  const parsed = Predicate.safeParse(predicate)
  if (!parsed.success) return null
  const p = parsed.data
  const external = p.buildDefinition?.externalParameters
  const config = external?.configSource?.uri
    ? external.configSource
    : (p.buildDefinition?.internalParameters?.configSource ?? p.invocation?.configSource ?? external?.configSource)
  const filename = config?.entryPoint ?? config?.path ?? null
  const found = ofConfigSource(config, filename) ?? ofVcs(p, filename) ?? ofMaterials(p)
  return found && { ...found, url: withoutPassword(found.url), request: requestOf(p) }
}

type Found = Omit<BuildOrigin, 'request'>
type ConfigSource = z.output<typeof configSource>

function ofConfigSource(config: ConfigSource, filename: string | null): Found | null {
  if (!config?.uri || !isGit(config.uri, config.digest)) return null
  const revision = commitOf(config.digest)
  if (isTask(filename)) return { url: config.uri, revision, dockerfile: null, context: null }
  const dir = /#[^:]*:(.+)$/.exec(config.uri)?.[1] ?? /[?&]subdir=([^&#]+)/.exec(config.uri)?.[1]
  return { url: config.uri, revision, dockerfile: filename, context: dir ?? '.' }
}

/** `vcs`: {source, revision, localdir:context, localdir:dockerfile}, paths from the checkout's top. */
function ofVcs(p: Predicate, filename: string | null): Found | null {
  const vcs =
    p.runDetails?.metadata?.buildkit_metadata?.vcs ?? p.metadata?.['https://mobyproject.org/buildkit@v1#metadata']?.vcs
  const said = (key: string): string | null => {
    const value = vcs?.[key] ?? vcs?.[`vcs:${key}`]
    return typeof value === 'string' && value !== '' ? value : null
  }
  const url = said('source')
  if (url === null) return null
  const context = said('localdir:context')
  const folder = said('localdir:dockerfile')
  const path = folder === null ? filename : withinContext(posix.join(folder, filename ?? 'Dockerfile'), context)
  return { url, revision: said('revision'), dockerfile: path, context }
}

function withinContext(path: string, context: string | null): string {
  const top = posix.join(context ?? '.', '/')
  return path.startsWith(top) ? path.slice(top.length) : path
}

/** Only where there is one: of several nobody says which is the source. */
function ofMaterials(p: Predicate): Found | null {
  const { source, workflow } = p.buildDefinition?.externalParameters ?? {}
  const all = [...(p.buildDefinition?.resolvedDependencies ?? p.materials ?? []), source]
  const git = all.flatMap((m) =>
    m?.uri && isGit(m.uri, m.digest) ? [{ url: m.uri, revision: commitOf(m.digest) }] : [],
  )
  const urls = new Set(git.map(({ url }) => url))
  const one = git.find(({ revision }) => revision !== null) ?? git[0]
  if (one && urls.size === 1) return { ...one, dockerfile: null, context: null }
  if (!workflow?.repository || git.length > 0) return null
  return { url: workflow.repository, revision: workflow.ref ?? null, dockerfile: null, context: null }
}

/** A builder that does not read Dockerfiles itself (Tekton, GitHub's workflows) names its own task as the entry point. */
const isTask = (filename: string | null): boolean => filename !== null && /\.(ya?ml|json|toml)$/i.test(filename)

const isGit = (uri: string, digest: Record<string, unknown> | null | undefined): boolean =>
  /^(git\+|git:|git@|ssh:)/i.test(uri) || /\.git([#?@]|$)/i.test(uri) || commitOf(digest) !== null

/** A commit is called `sha1` or `gitCommit`; both hold 40 or 64 hex digits. */
function commitOf(digest: Record<string, unknown> | null | undefined): string | null {
  const said = [digest?.gitCommit, digest?.sha1].find((value) => typeof value === 'string')
  return typeof said === 'string' && /^[0-9a-f]{40}([0-9a-f]{24})?$/i.test(said) ? said.toLowerCase() : null
}

function requestOf(p: Predicate): BuildRequest {
  const asked = p.buildDefinition?.externalParameters?.request ?? p.invocation?.parameters
  const args = Object.entries(asked?.args ?? {})
  const after = (prefix: string) =>
    args.flatMap(([key, value]) =>
      key.startsWith(prefix) && typeof value === 'string' ? [[key.slice(prefix.length), value] as const] : [],
    )
  const target = asked?.args?.target
  return {
    args: Object.fromEntries(after('build-arg:')),
    target: typeof target === 'string' && target !== '' ? target : null,
    contexts: after('context:').map(([name]) => name),
    secrets: (asked?.secrets ?? []).flatMap((secret) => secret?.id ?? []),
    complete: p.runDetails?.metadata?.buildkit_completeness?.request ?? p.metadata?.completeness?.parameters ?? null,
  }
}

/** What is stored of an address never holds a password or token: `https://token@host/…` neither. */
export const withoutPassword = (url: string): string =>
  url.replace(/^((?:git\+)?[a-z]+:\/\/)([^/@]*)@/i, (whole, scheme: string, user: string) =>
    /^(git\+)?ssh:/i.test(scheme) && !user.includes(':') ? whole : scheme,
  )
