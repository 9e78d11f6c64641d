import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Deps } from '../deps.ts'
import { BuildError } from './build-error.ts'
import type { BuilderContext, BuildJob } from './builders/builder.ts'
import { type CheckoutPaths, checkoutPaths } from './checkout-paths.ts'
import type { ClearCredential } from './credentials.ts'
import { checkOut } from './git-checkout.ts'
import { type GitUrl, parseGitUrl } from './git-url.ts'

/** A recipe's source, checked out: the commit, and where context and Dockerfile stand. */
export async function checkOutRecipe(
  d: Pick<Deps, 'config'>,
  job: Pick<BuildJob, 'recipe' | 'dir' | 'logins'>,
  context: Pick<BuilderContext, 'log'>,
  signal: AbortSignal,
): Promise<CheckoutPaths & { commit: string }> {
  const { git } = job.recipe
  if (!git) throw new BuildError('recipe-invalid', 'the recipe names no git repository')
  const protocols = d.config.gitProtocols
  const url = parseGitUrl(git.url, protocols)
  if ('code' in url) throw new BuildError(url.code, url.message)
  const credential = git.credential ? opened(context, await job.logins.git(git.credential, url.url.href)) : null
  const dir = join(job.dir, 'checkout')
  await mkdir(dir, { mode: 0o700 })
  const log = (text: string) => context.log.write(text)
  const submodules = git.submodules ? { submodules: (of: GitUrl) => credentialOf(job, context, of) } : {}
  const request = { url: git.url, ref: git.ref, protocols, credential, dir, signal, log, lfs: git.lfs }
  const source = await checkOut({ ...request, ...submodules })
  return { ...(await checkoutPaths(source.dir, job.recipe)), commit: source.commit }
}

/** A submodule gets the recipe's credential where its prefix fits; elsewhere we are nobody. */
async function credentialOf(
  job: Pick<BuildJob, 'recipe' | 'logins'>,
  context: Pick<BuilderContext, 'log'>,
  url: GitUrl,
): Promise<ClearCredential | null> {
  const name = job.recipe.git?.credential
  if (name === undefined) return null
  try {
    return opened(context, await job.logins.git(name, url.url.href))
  } catch (error) {
    if (error instanceof BuildError && error.code === 'credential-not-for-url') return null
    throw error
  }
}

/** Its secrets are masked in the log from now on. */
function opened(context: Pick<BuilderContext, 'log'>, credential: ClearCredential): ClearCredential {
  if (credential.password) context.log.hide(credential.password, credential.username ?? undefined)
  if (credential.privateKey) context.log.hide(credential.privateKey)
  return credential
}
