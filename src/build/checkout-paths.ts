import { realpath, stat } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { BuildError } from './build-error.ts'

/** Real paths, all inside the checkout. `ignoreFile` is the .dockerignore that belongs to this Dockerfile alone, if there is one. */
export type CheckoutPaths = { context: string; dockerfile: string; ignoreFile: string | null }

/**
 * Finds context and Dockerfile of a recipe in a checkout, symbolic links followed: nothing may lead out. The Dockerfile
 * is looked for in the context, then from the checkout's top (as compose does, and as `docker build -f` there would).
 * Errors: `context-outside-checkout`, `context-missing`, `dockerfile-outside-checkout`, `dockerfile-missing`,
 * `dockerfile-invalid` where its .dockerignore is no file.
 */
export async function checkoutPaths(
  checkout: string,
  recipe: { context: string; dockerfile: string },
): Promise<CheckoutPaths> {
  const top = await realpath(checkout)
  const context = await inside(top, join(top, recipe.context), 'context')
  if (!context || !(await stat(context)).isDirectory()) {
    throw new BuildError('context-missing', `the checkout has no directory ${recipe.context}`)
  }
  const dockerfile =
    (await inside(top, join(context, recipe.dockerfile), 'dockerfile')) ??
    (await inside(top, join(top, recipe.dockerfile), 'dockerfile'))
  if (!dockerfile || !(await stat(dockerfile)).isFile()) {
    throw new BuildError('dockerfile-missing', `the checkout has no file ${recipe.dockerfile}`)
  }
  await inside(top, join(context, '.dockerignore'), 'dockerfile')
  const ignoreFile = await inside(top, join(dockerfile, '..', `${basename(dockerfile)}.dockerignore`), 'dockerfile')
  if (ignoreFile && !(await stat(ignoreFile)).isFile())
    throw new BuildError('dockerfile-invalid', `${relative(top, ignoreFile)} is no file`)
  return { context, dockerfile, ignoreFile }
}

/** The real path, null where there is nothing, an error where it lies outside. */
async function inside(top: string, path: string, what: 'context' | 'dockerfile'): Promise<string | null> {
  const real = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code ?? '')) return null
    throw error
  })
  if (real === null) return null
  const way = relative(top, real)
  if (way === '..' || way.startsWith('../')) {
    throw new BuildError(`${what}-outside-checkout`, `${relative(top, path)} leads outside the checkout`)
  }
  return real
}
