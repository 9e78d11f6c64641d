/**
 * in: a tag's name, and the names of the tags that its repository has.
 * out: the newest later tag of the same shape: within its major version, and of all.
 * guarantees: pure; same prefix, suffix and number of components, never a pre-release for a release, nothing for a floating tag.
 */
import { compareShapes, isNewer, isSameMajor, type TagShape, tagShape } from './tag-shape.ts'

/** Names. `newer`: the newest within the same major version; `newest`: the newest of all, null where it is `newer`. One is not null. */
export type Newer = { newer: string | null; newest: string | null }

/** Null: there is none, or the tag floats. */
export function newerTag(name: string, names: Iterable<string>): Newer | null {
  const own = tagShape(name)
  if (!own) return null
  let newer: Candidate | null = null
  let newest: Candidate | null = null
  for (const other of names) {
    const shape = tagShape(other)
    if (!shape || !isNewer(own, shape)) continue
    const candidate = { name: other, shape }
    newest = later(newest, candidate)
    if (isSameMajor(own, shape)) newer = later(newer, candidate)
  }
  if (!newest) return null
  return { newer: newer?.name ?? null, newest: newest.name === newer?.name ? null : newest.name }
}

type Candidate = { name: string; shape: TagShape }

/** `1.02` and `1.2` are one version: then the smaller name, so that the order of the names does not matter. */
function later(best: Candidate | null, other: Candidate): Candidate {
  if (!best) return other
  const order = compareShapes(other.shape, best.shape) || (other.name < best.name ? 1 : -1)
  return order > 0 ? other : best
}
