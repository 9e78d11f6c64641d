import { type Graph, keyOf, type Recipe, type Source } from './graph.ts'

/** `tag on platform` of what the file says is made from a base: by the last stages all the way down, or by another stage. */
export type Says = { runtime: Set<string>; build: Set<string> }

/**
 * What moves when every tag of this base's sources does, by the file's lines alone: the last stage's FROM hands a move on to
 * its own descendants, other stages' FROMs end there.
 */
export function fileSays(graph: Graph, base: string): Says {
  const moved = graph.groupOf.get(base)!.sources
  const known = new Map<Recipe, boolean>()
  const madeOf = (name: string, key: string): { source: Source; recipe: Recipe } => {
    for (const source of graph.groupOf.get(name)!.sources)
      for (const recipe of source.recipes) if (keyOf(recipe) === key) return { source, recipe }
    throw new Error(`${name} has no ${key}`)
  }
  const reached = (name: string, key: string): boolean => {
    const { source, recipe } = madeOf(name, key)
    return moved.includes(source) || below(recipe)
  }
  const below = (recipe: Recipe): boolean => {
    const found = known.get(recipe) ?? (recipe.final !== null && reached(recipe.final, keyOf(recipe)))
    known.set(recipe, found)
    return found
  }
  const says: Says = { runtime: new Set(), build: new Set() }
  for (const source of graph.sources.filter((s) => !moved.includes(s)))
    for (const recipe of source.recipes) {
      const others = recipe.froms.filter((name) => name !== recipe.final)
      const place = (tag: string) => `${tag} on ${keyOf(recipe)}`
      if (below(recipe)) for (const tag of source.tags) says.runtime.add(place(tag))
      if (others.some((name) => reached(name, keyOf(recipe)))) for (const tag of source.tags) says.build.add(place(tag))
    }
  return says
}
