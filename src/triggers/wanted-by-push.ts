import { firstMatch, isTooMuch } from '../build/path-globs.ts'
import type { Recipe } from '../build/recipe.ts'
import type { GitPush } from './git-push.ts'
import { repositoryKey } from './repository-key.ts'

/** `because` null: it is to be built. `other`: of another repository, branch or tag: nothing that anyone would ask about. */
export type Wanted = 'other' | { because: null | 'deleted' | 'not-wanted' | 'no-source' | 'no-path-touched' }

/**
 * What a push asks of a recipe. It is built where its `gitPush` says so, or, where that says nothing, its `auto`. Paths are compared
 * only where the server told all files, and not endlessly many; else it is built.
 */
export function wantedByPush(recipe: Recipe, push: GitPush): Wanted {
  if (!recipe.git || !followsRef(recipe.git.ref, push)) return 'other'
  const repository = repositoryKey(recipe.git.url)
  if (repository === null || !push.repositories.has(repository)) return 'other'
  if (push.deleted) return { because: 'deleted' }
  if (recipe.strategy === 'rebase') return { because: 'no-source' }
  const { gitPush } = recipe
  if (gitPush === false || (gitPush === undefined && !recipe.auto)) return { because: 'not-wanted' }
  const paths = gitPush?.paths ?? []
  if (paths.length === 0 || push.files === null || isTooMuch(paths, push.files)) return { because: null }
  return { because: firstMatch(paths, push.files) === null ? 'no-path-touched' : null }
}

/** A recipe at a commit follows nothing. `main` may be a branch or a tag, as for git; `HEAD` is the default branch. */
function followsRef(ref: string, push: GitPush): boolean {
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref)) return false
  if (ref === 'HEAD') return push.defaultBranch !== null && push.ref === `refs/heads/${push.defaultBranch}`
  return [ref, `refs/${ref}`, `refs/tags/${ref}`, `refs/heads/${ref}`].includes(push.ref)
}
