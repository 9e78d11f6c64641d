import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { BuildError } from './build-error.ts'
import { asUrlPrefix, isUnderPrefix, isUrlPrefix } from './url-prefix.ts'
import { underKey } from './vault-key.ts'

/**
 * The body of `PUT /namespaces/NS/credentials/NAME`. git and registry need a password, ssh a key and the hosts it trusts; a secret is a
 * password for builds (`RUN --mount=type=secret`), and has no address.
 */
export const CredentialInput = z
  .strictObject({
    urlPrefix: z
      .string()
      .max(2000)
      .transform(asUrlPrefix)
      .refine(
        (text) => text === '' || isUrlPrefix(text),
        'must be an address as git takes it: http://, https://, ssh:// or git@host:path, without password, query or ".."',
      )
      .default(''),
    kind: z.enum(['git', 'registry', 'ssh', 'secret']),
    username: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[^\x00-\x1f\x7f:]*$/, 'must hold no colon or control character')
      .optional(),
    password: z
      .string()
      .min(1)
      .max(10_000)
      .regex(/^[^\0]*$/, 'must hold no NUL')
      .optional(),
    privateKey: z.string().min(1).max(100_000).optional(),
    knownHosts: z.string().min(1).max(100_000).optional(),
  })
  .refine((c) => c.kind === 'ssh' || c.password !== undefined, { path: ['password'], message: 'is needed' })
  .refine((c) => c.kind === 'secret' || !/[\r\n]/.test(c.password ?? ''), {
    path: ['password'],
    message: 'must be one line, but for a build secret',
  })
  .refine((c) => c.kind !== 'ssh' || c.privateKey !== undefined, { path: ['privateKey'], message: 'is needed' })
  .refine((c) => c.kind !== 'ssh' || c.knownHosts !== undefined, { path: ['knownHosts'], message: 'is needed' })
  .refine((c) => (c.kind === 'secret') === (c.urlPrefix === ''), {
    path: ['urlPrefix'],
    message: 'is needed, but for a build secret, which is sent nowhere',
  })
  .refine((c) => (c.kind === 'ssh') === c.urlPrefix.startsWith('ssh://'), {
    path: ['urlPrefix'],
    message: 'must be ssh:// or git@host:path for kind ssh, and for no other',
  })
export type CredentialInput = z.infer<typeof CredentialInput>

/** What may be read of a credential: never the secret. */
export type CredentialSummary = {
  name: string
  kind: string
  urlPrefix: string
  username: string | null
  updatedAt: Date
}

/** An opened credential. Lives in memory for one step of one build. */
export type ClearCredential = {
  kind: 'git' | 'registry' | 'ssh' | 'secret'
  username: string | null
  password?: string | undefined
  privateKey?: string | undefined
  knownHosts?: string | undefined
}

type Store = Pick<Deps, 'db' | 'vault'>

/** Stores or replaces a credential; the namespace is made where it was not known. */
export async function putCredential(
  d: Store,
  namespaceKey: string,
  name: string,
  input: CredentialInput,
): Promise<void> {
  const { password, privateKey, knownHosts } = input
  const row = {
    kind: input.kind,
    urlPrefix: input.urlPrefix,
    username: input.username ?? null,
    sealed: d.vault.seal(JSON.stringify({ password, privateKey, knownHosts })),
  }
  await underKey(d, async (tx) => {
    await tx.namespace.upsert({ where: { key: namespaceKey }, create: { key: namespaceKey }, update: {} })
    await tx.credential.upsert({
      where: { namespaceKey_name: { namespaceKey, name } },
      create: { namespaceKey, name, ...row },
      update: row,
    })
  })
}

/** True where there was one. */
export async function removeCredential(d: Pick<Deps, 'db'>, namespaceKey: string, name: string): Promise<boolean> {
  return (await d.db.credential.deleteMany({ where: { namespaceKey, name } })).count > 0
}

export async function listCredentials(d: Pick<Deps, 'db'>, namespaceKey: string): Promise<CredentialSummary[]> {
  const select = { name: true, kind: true, urlPrefix: true, username: true, updatedAt: true }
  return d.db.credential.findMany({ where: { namespaceKey }, select, orderBy: { name: 'asc' } })
}

/**
 * Opens the named credential of a namespace for one address. Errors: `credential-missing`, and `credential-not-for-url` where the
 * address is not under its prefix: then nothing is opened.
 */
export async function credentialFor(
  d: Store,
  namespaceKey: string,
  name: string,
  url: string,
): Promise<ClearCredential> {
  const row = await d.db.credential.findUnique({ where: { namespaceKey_name: { namespaceKey, name } } })
  if (!row) throw new BuildError('credential-missing', `namespace ${namespaceKey} has no credential ${name}`)
  if (row.kind === 'secret' || !isUnderPrefix(url, row.urlPrefix)) {
    throw notForUrl(name, url)
  }
  return open(d, row)
}

/** For what it is is not said: a message may be read by others than owners of the namespace. */
export const notForUrl = (name: string, url: string): BuildError =>
  new BuildError(
    'credential-not-for-url',
    `credential ${name} may not be used for ${url}: its urlPrefix does not cover that`,
  )

/** The text of a namespace's build secret. Error: `credential-missing`, also for a credential of another kind. */
export async function secretFor(d: Store, namespaceKey: string, name: string): Promise<string> {
  const row = await d.db.credential.findUnique({ where: { namespaceKey_name: { namespaceKey, name } } })
  const secret = row?.kind === 'secret' ? open(d, row).password : undefined
  if (secret === undefined)
    throw new BuildError('credential-missing', `namespace ${namespaceKey} has no secret ${name}`)
  return secret
}

/** The namespace's registry credential for one repository (`https://host/repository`), the longest prefix first; null without one. */
export async function registryCredentialFor(
  d: Store,
  namespaceKey: string,
  host: string,
  repository: string,
): Promise<ClearCredential | null> {
  const rows = await d.db.credential.findMany({ where: { namespaceKey, kind: 'registry' } })
  const fitting = rows
    .filter((row) => ['https', 'http'].some((way) => isUnderPrefix(`${way}://${host}/${repository}`, row.urlPrefix)))
    .sort((a, b) => b.urlPrefix.length - a.urlPrefix.length || a.name.localeCompare(b.name))
  return fitting[0] ? open(d, fitting[0]) : null
}

/** All credentials of a namespace, opened: for a build service, which cannot ask for one at a time. */
export async function namespaceCredentials(
  d: Store,
  namespaceKey: string,
): Promise<(ClearCredential & { name: string; urlPrefix: string })[]> {
  const rows = await d.db.credential.findMany({ where: { namespaceKey }, orderBy: { name: 'asc' } })
  return rows.map((row) => ({ name: row.name, urlPrefix: row.urlPrefix, ...open(d, row) }))
}

const Secrets = z.object({
  password: z.string().optional(),
  privateKey: z.string().optional(),
  knownHosts: z.string().optional(),
})

const open = (
  d: Pick<Deps, 'vault'>,
  row: { kind: 'git' | 'registry' | 'ssh' | 'secret'; username: string | null; sealed: string },
): ClearCredential => ({
  kind: row.kind,
  username: row.username,
  ...Secrets.parse(JSON.parse(d.vault.open(row.sealed))),
})
