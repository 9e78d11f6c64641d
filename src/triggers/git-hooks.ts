import { randomBytes } from 'node:crypto'
import { underKey } from '../build/vault-key.ts'
import type { Deps } from '../deps.ts'

/** What may be read of a namespace's hook: never its secret. */
export type GitHookView = { url: string; updatedAt: Date }

type Store = Pick<Deps, 'db' | 'vault' | 'config'>

export const gitHookPath = '/v2/webhooks/git/'

const urlOf = (d: Pick<Deps, 'config'>, namespaceKey: string): string =>
  `${d.config.publicUrl}${gitHookPath}${namespaceKey.split('/').map(encodeURIComponent).join('/')}`

/** Stores a hook, with a new secret where none is given: `secret` is that one, to be shown this once, in the form that every server takes. The namespace is made where it was not known. */
export async function putGitHook(
  d: Store,
  namespaceKey: string,
  given: string | undefined,
): Promise<GitHookView & { secret: string | null }> {
  const secret = given ?? `whsec_${randomBytes(32).toString('base64')}`
  const sealed = d.vault.seal(secret)
  const { updatedAt } = await underKey(d, async (tx) => {
    await tx.namespace.upsert({ where: { key: namespaceKey }, create: { key: namespaceKey }, update: {} })
    return tx.gitHook.upsert({ where: { namespaceKey }, create: { namespaceKey, sealed }, update: { sealed } })
  })
  return { url: urlOf(d, namespaceKey), updatedAt, secret: given === undefined ? secret : null }
}

export async function getGitHook(d: Pick<Deps, 'db' | 'config'>, namespaceKey: string): Promise<GitHookView | null> {
  const row = await d.db.gitHook.findUnique({ where: { namespaceKey }, select: { updatedAt: true } })
  return row && { url: urlOf(d, namespaceKey), updatedAt: row.updatedAt }
}

/** The secret of a namespace's hook; null where it has none. */
export async function gitHookSecret(d: Pick<Deps, 'db' | 'vault'>, namespaceKey: string): Promise<string | null> {
  const row = await d.db.gitHook.findUnique({ where: { namespaceKey }, select: { sealed: true } })
  return row && d.vault.open(row.sealed)
}

/** True where there was one. */
export async function removeGitHook(d: Pick<Deps, 'db'>, namespaceKey: string): Promise<boolean> {
  return (await d.db.gitHook.deleteMany({ where: { namespaceKey } })).count > 0
}
