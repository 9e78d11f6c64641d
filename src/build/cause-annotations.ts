import type { Claim } from './claim.ts'
import type { Recipe } from './recipe.ts'

/**
 * What a manifest says of how and why it was built: annotations, because labels are inherited by children. Keys are ours
 * (`dev.drydock.*`); the base and the source have OCI's own, which the builder adds.
 * https://github.com/opencontainers/image-spec/blob/main/annotations.md
 */
export function causeAnnotations({
  id,
  reason,
  recipe,
}: Pick<Claim, 'id' | 'reason' | 'recipe'>): Record<string, string> {
  const said = {
    'dev.drydock.build': id,
    'dev.drydock.recipe': recipe && JSON.stringify(howOf(recipe)),
    'dev.drydock.cause': reason.kind,
    'dev.drydock.cause.base': reason.base,
    'dev.drydock.cause.digest': reason.to,
  }
  return Object.fromEntries(Object.entries(said).flatMap(([key, value]) => (value ? [[key, value]] : [])))
}

/** What beside the source and the bases makes the content, but the values of arguments. What is undefined is left out. */
const howOf = ({ strategy, context, dockerfile, target, base }: Recipe): object =>
  strategy === 'rebase' ? { strategy, base } : { strategy, context, dockerfile, target }
