/**
 * in: a tag's name, and the names of the tags that its repository has.
 * out: the newest later tag of the same shape: within its major version, and of all.
 * guarantees: pure; same prefix, suffix and number of components, never a pre-release for a release, nothing for a floating tag.
 */
import { compareShapes, isNewer, majorOf, type TagShape, tagShape } from './tag-shape.ts'

/** Names. `newer`: the newest within the same major version; `newest`: the newest of all, null where it is `newer`. One is not null. */
export type Newer = { newer: string | null; newest: string | null }

/** The names of a repository, read once for any number of questions. */
export type Releases = { families: ReadonlyMap<string, readonly Release[]>; latest: ReadonlyMap<string, Release> }
type Release = { name: string; shape: TagShape }

/** Null: there is none, or the tag floats. */
export const newerTag = (name: string, names: Iterable<string>): Newer | null => newerOf(name, readReleases(names))

export function readReleases(names: Iterable<string>): Releases {
  const releases = [...names].flatMap((name) => {
    const shape = tagShape(name)
    return shape ? [{ name, shape }] : []
  })
  return { families: Map.groupBy(releases, ({ shape }) => shape.family), latest: latestOf(releases) }
}

/** `notAfter`: a tag of the same repository; neither it nor what is newer than it is offered. */
export function newerOf(name: string, releases: Releases, notAfter: string | null = null): Newer | null {
  const own = tagShape(name)
  if (!own) return null
  const end = notAfter === null ? null : tagShape(notAfter)
  const { latest } = end?.family === own.family ? { latest: latestOf(until(notAfter, end, releases)) } : releases
  const found = (places: string[]): Release | null =>
    places
      .flatMap((place) => latest.get(place) ?? [])
      .filter(({ shape }) => isNewer(own, shape))
      .reduce<Release | null>(later, null)
  const newer = found(own.pre === null ? [withinMajor(own)] : [withinMajor(own), leadingTo(own)])
  const newest = found([overall(own)]) ?? newer
  if (!newest) return null
  return { newer: newer?.name ?? null, newest: newest.name === newer?.name ? null : newest.name }
}

const until = (name: string | null, end: TagShape, { families }: Releases): Release[] =>
  (families.get(end.family) ?? []).filter((other) => other.name !== name && !isNewer(end, other.shape))

/** Where the latest of its kind stands: of a family, of a major version of it, and of what leads to one version. */
const overall = ({ family }: TagShape): string => `all ${family}`
const withinMajor = (shape: TagShape): string => `${majorOf(shape)} ${shape.family}`
const leadingTo = ({ family, numbers }: TagShape): string => `to ${numbers.join('.')} ${family}`

function latestOf(releases: readonly Release[]): Map<string, Release> {
  const latest = new Map<string, Release>()
  for (const release of releases) {
    const { shape } = release
    const places = shape.pre === null ? [overall(shape), withinMajor(shape)] : [leadingTo(shape)]
    for (const place of places) latest.set(place, later(latest.get(place) ?? null, release))
  }
  return latest
}

/** `1.02` and `1.2` are one version: then the smaller name, so that the order of the names does not matter. */
function later(best: Release | null, other: Release): Release {
  if (!best) return other
  const order = compareShapes(other.shape, best.shape) || (other.name < best.name ? 1 : -1)
  return order > 0 ? other : best
}
