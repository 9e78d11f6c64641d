import { z } from 'zod'

const Secret = z.string().min(1).max(100_000)
const Host = z.string().min(1).max(300)
const Login = { username: z.string().max(255), password: Secret }

/**
 * A login for registries, and where it may be used: every condition that is given must hold. `hosts`: names of one registry; `repository`:
 * that one; `namespaces`: what stands before the first `/`, `_` for repositories without one; `urlPrefix`: as of a stored credential.
 */
const RegistryGrant = z
  .strictObject({
    ...Login,
    use: z.array(z.enum(['pull', 'push'])).min(1),
    hosts: z.array(Host).min(1).optional(),
    repository: z.string().max(300).optional(),
    namespaces: z.array(z.string().max(300)).optional(),
    urlPrefix: z.string().min(1).max(2000).optional(),
  })
  .refine((g) => g.urlPrefix !== undefined || (g.hosts !== undefined && (g.repository ?? g.namespaces) !== undefined), {
    message: 'says not where it may be used',
  })
export type RegistryGrant = z.infer<typeof RegistryGrant>

/** The recipe's git credential; it goes to addresses under `urlPrefix` alone. */
const GitGrant = z.strictObject({
  name: z.string().max(100),
  kind: z.enum(['git', 'registry', 'ssh']),
  urlPrefix: z.string().min(1).max(2000),
  username: z.string().max(255).nullable(),
  password: Secret.optional(),
  privateKey: Secret.optional(),
  knownHosts: Secret.optional(),
})

/**
 * All that one build may use, in clear: what a tracker seals to a build service. Of `registries` the first that fits is used, and where
 * none fits nobody logs in. `secrets`: build secrets, by the name that the recipe gives them.
 */
export const Grant = z.strictObject({
  git: GitGrant.nullable(),
  registries: z.array(RegistryGrant).max(1000),
  secrets: z.record(z.string().max(100), Secret),
})
export type Grant = z.infer<typeof Grant>

/** Every secret of it with the name that goes with it, to be hidden in logs. */
export const secretsOf = ({ git, registries, secrets }: Grant): { secret: string; username?: string }[] => [
  ...(git?.password ? [{ secret: git.password, ...(git.username ? { username: git.username } : {}) }] : []),
  ...(git?.privateKey ? [{ secret: git.privateKey }] : []),
  ...registries.map(({ username, password }) => ({ secret: password, username })),
  ...Object.values(secrets).map((secret) => ({ secret })),
]
