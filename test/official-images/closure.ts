/** An image of one platform, and what it was made from. `content` differs wherever the layers do. */
export type Built = { platform: string; content: string; links: Link[] }
/** A base it was made from: `names` that may have been meant, and the content they had. */
export type Link = { role: 'runtime' | 'build'; names: string[]; platform: string; was: string }
/** What every tag points at now: one image a platform. */
export type Tags = ReadonlyMap<string, { images: readonly Built[] }>

/** One line for each cause: `ref: role root[ via name] on platforms`. */
export type Causes = Set<string>

/**
 * Who is outdated by whom, from the links alone: a tag by each base that no longer has the content it was made from, and, where
 * the base still has it, by whatever makes that base outdated. Only runtime causes are handed on. No cycles, so plain recursion.
 */
export function closure(tags: Tags): Causes {
  type Found = Map<string, Set<string>>
  const known = new Map<string, Found>()

  const contentOf = (name: string, platform: string) =>
    tags.get(name)?.images.find((image) => image.platform === platform)?.content

  /** `role root` → the bases it comes by; '' = the root itself has moved. */
  function causesOf(tag: string, image: Built): Found {
    const key = `${tag} ${image.platform}`
    const ready = known.get(key)
    if (ready) return ready
    const found: Found = new Map()
    const add = (role: string, root: string, via: string) => {
      const cause = `${role} ${root}`
      found.set(cause, (found.get(cause) ?? new Set()).add(via))
    }
    for (const { role, names, platform, was } of image.links)
      for (const name of names) {
        if (name === tag) continue
        if (contentOf(name, platform) !== was) {
          add(role, name, '')
          continue
        }
        const base = tags.get(name)!.images.find((other) => other.platform === platform)!
        for (const cause of causesOf(name, base).keys()) {
          const [handed, root] = cause.split(' ') as [string, string]
          if (handed === 'runtime' && root !== tag) add(role, root, name)
        }
      }
    known.set(key, found)
    return found
  }

  const causes: Causes = new Set()
  for (const [tag, { images }] of tags) {
    const perCause = new Map<string, { ways: Set<string>; platforms: string[] }>()
    for (const image of images)
      for (const [cause, ways] of causesOf(tag, image)) {
        const sum = perCause.get(cause) ?? { ways: new Set(), platforms: [] }
        for (const way of ways) sum.ways.add(way)
        sum.platforms.push(image.platform)
        perCause.set(cause, sum)
      }
    for (const [cause, { ways, platforms }] of perCause) {
      const via = [...ways].sort()[0]
      causes.add(`${tag}: ${cause}${via ? ` via ${via}` : ''} on ${platforms.sort()}`)
    }
  }
  return causes
}
