import { stagingTag } from '../oci/own-tags.ts'
import { parsePlatform } from '../oci/platform.ts'
import type { Reference } from '../oci/reference.ts'
import type { RegistryClient } from '../registry/registries.ts'
import { RegistryError } from '../registry/registry-error.ts'
import type { Recipe } from './recipe.ts'

type Client = Pick<RegistryClient, 'headManifest' | 'deleteTag'>
type Target = Pick<Reference, 'repository'> & { tag: string }

/** Under which tags the builds of a recipe bring their platforms in. */
const stagingTags = (tag: string, { platforms }: Pick<Recipe, 'platforms'>): string[] => [
  stagingTag(tag),
  ...platforms.slice(1).map((platform) => stagingTag(tag, parsePlatform(platform))),
]

/**
 * Removes the staging tags of a push that was cut short, while no other build of the tag runs. One at the very digest that the tag is at
 * stays: a registry may take its delete for both. Gives those that stay: the next build takes them again.
 */
export async function unstage(
  client: Client,
  target: Target,
  recipe: Pick<Recipe, 'platforms'>,
  signal: AbortSignal,
): Promise<string[]> {
  const { repository, tag } = target
  const found = new Map<string, string>()
  for (const name of stagingTags(tag, recipe)) {
    const head = await client.headManifest(repository, name, { signal })
    if (head) found.set(name, head.digest)
  }
  if (found.size === 0) return []
  const now = await client.headManifest(repository, tag, { signal })
  const left: string[] = []
  for (const [name, digest] of found)
    if (digest === now?.digest || !(await deleted(client, repository, name, signal))) left.push(name)
  return left
}

/** False where the registry removes no single tags, or will not remove this one. */
export const deleted = (client: Pick<Client, 'deleteTag'>, repository: string, tag: string, signal: AbortSignal) =>
  client.deleteTag(repository, tag, { signal }).catch((error: unknown) => {
    if (error instanceof RegistryError) return false
    throw error
  })

export const staysAsStaged = (tags: readonly string[]): string =>
  `[the registry removes no single tags: ${tags.join(', ')} stays]\n`
