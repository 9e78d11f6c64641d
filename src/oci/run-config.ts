import { createHash } from 'node:crypto'
import { type HashId, hashId } from './chain-id.ts'

/** The `config` object of an image config. https://github.com/opencontainers/image-spec/blob/main/config.md#properties */
export type RunConfig = Readonly<Record<string, unknown>>

/** What a running container is given. Labels, history and times do not change what runs. */
const fields = [
  'Env',
  'Entrypoint',
  'Cmd',
  'User',
  'WorkingDir',
  'ExposedPorts',
  'Volumes',
  'StopSignal',
  'Healthcheck',
  'OnBuild',
  'Shell',
] as const

/** Names the layers and the run configuration together: equal ids = the same release. */
export function releaseId(diffIds: readonly string[], config: RunConfig | null | undefined): HashId {
  const run = canonical(
    Object.fromEntries(fields.map((field) => [field, reading[field]?.(config?.[field]) ?? config?.[field]])),
  )
  return hashId(
    createHash('sha256')
      .update(JSON.stringify([diffIds, run]))
      .digest('hex'),
  )
}

/** Fields whose text can differ while they mean the same. */
const reading: Record<string, (value: unknown) => unknown> = {
  Env: environment,
  ExposedPorts: keysOf,
  Volumes: keysOf,
  Healthcheck: healthcheck,
}

/** Ports and volumes are sets, written as objects whose values say nothing. */
function keysOf(set: unknown): unknown {
  return typeof set === 'object' && set !== null ? Object.keys(set).sort() : set
}

/**
 * Env as a map: its order means nothing and the last of two equal keys counts. Values are wrapped so that `A=` is kept
 * apart from no `A` at all.
 */
function environment(env: unknown): unknown {
  if (!Array.isArray(env)) return env
  return Object.fromEntries(
    env.map((line) => {
      const text = String(line)
      const equals = text.indexOf('=')
      return equals < 0 ? [text, [false]] : [text.slice(0, equals), [text.slice(equals + 1)]]
    }),
  )
}

/** A healthcheck's zero interval and empty test mean "as inherited", as if they were not written. */
function healthcheck(check: unknown): unknown {
  if (typeof check !== 'object' || check === null) return check
  const said = Object.entries(check).filter(([, value]) => value !== 0 && !isEmpty(value))
  return Object.fromEntries(said)
}

/** Sorted keys; a field that is null, empty or absent is the same thing: builders write each. */
function canonical(run: Record<string, unknown>): unknown {
  return sortedEntries(run)
    .map(([key, value]) => [key, sorted(value)] as const)
    .filter(([, value]) => !isEmpty(value))
}

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return { of: sortedEntries(value).map(([key, inner]) => [key, sorted(inner)]) }
}

const sortedEntries = (value: object): [string, unknown][] =>
  Object.entries(value)
    .filter(([, inner]) => inner !== null && inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  if (Array.isArray(value)) return value.length === 0
  return typeof value === 'object' && 'of' in value && Array.isArray(value.of) && value.of.length === 0
}
