import type { Digest } from '../oci/digest.ts'
import { BuildError } from './build-error.ts'

/** One history entry of a config. https://github.com/opencontainers/image-spec/blob/main/config.md#properties */
export type HistoryEntry = { created_by?: string; empty_layer?: boolean; [field: string]: unknown }

/** An image config; fields that are not named here are carried along. */
export type ImageConfig = {
  os?: string
  architecture?: string
  variant?: string
  'os.version'?: string
  rootfs: { type: string; diff_ids: string[] }
  history?: HistoryEntry[] | undefined
  config?: Record<string, unknown> | null | undefined
  [field: string]: unknown
}

export type LayerDescriptor = {
  mediaType: string
  digest: Digest
  size: number
  urls?: string[] | undefined
  annotations?: Record<string, string> | undefined
}

/** One platform manifest with its config, layers bottom to top, one for each diffID. */
export type Layered = { config: ImageConfig; layers: readonly LayerDescriptor[] }

/**
 * The child as it would be had it been built on `newBase`: layers and history of the old base replaced, the child's own kept, its
 * configuration merged three ways. `created` (RFC 3339) becomes the config's time. Errors: `not-a-prefix`, `platform-differs`.
 */
export function rebaseMerge(child: Layered, oldBase: Layered, newBase: Layered, created: string): Layered {
  refuseIfNotPrefix(child, oldBase)
  for (const field of ['os', 'architecture'] as const) {
    if (child.config[field] !== newBase.config[field]) {
      throw new BuildError(
        'platform-differs',
        `the new base is for ${field} ${newBase.config[field]}, the child for ${child.config[field]}`,
      )
    }
  }
  const count = oldBase.layers.length
  const diffIds = [...newBase.config.rootfs.diff_ids, ...child.config.rootfs.diff_ids.slice(count)]
  const history = mergeHistory(child.config, oldBase.config, newBase.config)
  const { history: _replaced, ...kept } = child.config
  const config: ImageConfig = {
    ...kept,
    ...threeWay('os.version', child.config, oldBase.config, newBase.config),
    created,
    config: mergeRunConfig(child.config.config ?? {}, oldBase.config.config ?? {}, newBase.config.config ?? {}),
    rootfs: { type: 'layers', diff_ids: diffIds },
    ...(accounts(history, diffIds.length) ? { history } : {}),
  }
  return { config, layers: [...newBase.layers, ...child.layers.slice(count)] }
}

function refuseIfNotPrefix(child: Layered, oldBase: Layered): void {
  const own = child.config.rootfs.diff_ids
  const base = oldBase.config.rootfs.diff_ids
  if (base.length > own.length) {
    throw new BuildError('not-a-prefix', `a base with more layers than its child: ${base.length} against ${own.length}`)
  }
  const at = base.findIndex((diffId, i) => diffId !== own[i])
  if (at >= 0)
    throw new BuildError(
      'not-a-prefix',
      `the child is not built on that base: layer ${at + 1} of ${base.length} differs`,
    )
  if (base.length === 0) throw new BuildError('not-a-prefix', 'a base without layers is the base of nothing')
}

const keyedLists = new Set(['Env'])
const keyedMaps = new Set(['Labels', 'ExposedPorts', 'Volumes'])

type Fields = Record<string, unknown>

/** Env, Labels, ExposedPorts and Volumes key by key, every other field as a whole. */
function mergeRunConfig(child: Fields, oldBase: Fields, newBase: Fields): Fields {
  const names = new Set([...Object.keys(newBase), ...Object.keys(child), ...Object.keys(oldBase)])
  const merged: Fields = {}
  for (const name of names) {
    if (keyedLists.has(name)) {
      const env = mergeKeys(envMap(child[name]), envMap(oldBase[name]), envMap(newBase[name]))
      if (Object.keys(env).length > 0) merged[name] = Object.values(env)
    } else if (keyedMaps.has(name)) {
      const map = mergeKeys(asMap(child[name]), asMap(oldBase[name]), asMap(newBase[name]))
      if (Object.keys(map).length > 0) merged[name] = map
    } else Object.assign(merged, threeWay(name, child, oldBase, newBase))
  }
  return merged
}

const mergeKeys = (child: Fields, oldBase: Fields, newBase: Fields): Fields =>
  Object.assign(
    {},
    ...[...new Set([...Object.keys(newBase), ...Object.keys(child)])].map((key) =>
      threeWay(key, child, oldBase, newBase),
    ),
  )

/** A child's value that differs from the old base's stays (its absence too), else the new base's is taken. */
function threeWay(key: string, child: Fields, oldBase: Fields, newBase: Fields): Fields {
  const from = same(fieldOf(child, key), fieldOf(oldBase, key)) ? newBase : child
  const value = fieldOf(from, key)
  return value === undefined ? {} : { [key]: value }
}

/** Null and absent are one in a config: Go writes either. */
const fieldOf = (fields: Fields, key: string): unknown =>
  Object.hasOwn(fields, key) ? (fields[key] ?? undefined) : undefined

const asMap = (value: unknown): Fields => (value !== null && typeof value === 'object' ? (value as Fields) : {})

/** Env by variable, each value the whole "NAME=value". */
const envMap = (value: unknown): Fields =>
  Object.fromEntries((Array.isArray(value) ? value : []).map((entry: string) => [entry.split('=', 1)[0], entry]))

const same = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? 'absent'

/** The new base's history, then the child's own: what follows the old base's entries, or its layers where those differ. */
function mergeHistory(child: ImageConfig, oldBase: ImageConfig, newBase: ImageConfig): HistoryEntry[] {
  const all = child.history ?? []
  const old = oldBase.history ?? []
  const speaks = old.every((entry, i) => sameStep(entry, all[i]))
  return [...(newBase.history ?? []), ...all.slice(speaks && old.length > 0 ? old.length : endOfLayers(all, oldBase))]
}

const sameStep = (a: HistoryEntry, b: HistoryEntry | undefined): boolean =>
  b !== undefined && (a.created_by ?? '') === (b.created_by ?? '') && !!a.empty_layer === !!b.empty_layer

/** How many entries of a history the base's layers take up. */
function endOfLayers(history: readonly HistoryEntry[], base: ImageConfig): number {
  let layers = base.rootfs.diff_ids.length
  let end = 0
  for (; end < history.length && layers > 0; end++) if (!history[end]?.empty_layer) layers--
  return end
}

/** A history that does not fit the layers is worse than none: clients count its entries. */
const accounts = (history: readonly HistoryEntry[], layers: number): boolean =>
  history.filter((entry) => !entry.empty_layer).length === layers
