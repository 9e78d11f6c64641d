import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Deps } from '../deps.ts'
import { BuildError } from './build-error.ts'
import type { BuilderContext, BuildJob } from './builders/builder.ts'
import { type CheckoutPaths, checkoutPaths } from './checkout-paths.ts'
import { checkOut } from './git-checkout.ts'
import { parseGitUrl } from './git-url.ts'

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
  const credential = git.credential ? await job.logins.git(git.credential, url.url.href) : null
  if (credential?.password) context.log.hide(credential.password, credential.username ?? undefined)
  if (credential?.privateKey) context.log.hide(credential.privateKey)
  const dir = join(job.dir, 'checkout')
  await mkdir(dir, { mode: 0o700 })
  const log = (text: string) => context.log.write(text)
  const source = await checkOut({ url: git.url, ref: git.ref, protocols, credential, dir, signal, log })
  return { ...(await checkoutPaths(source.dir, job.recipe)), commit: source.commit }
}
