import { createHmac } from 'node:crypto'
import { BuildError } from '../build-error.ts'
import { isFrontendAllowed } from '../dockerfile-check/read-directives.ts'
import { shareOf } from '../namespace-key.ts'
import type { Session } from './docker-session.ts'

/** How a name ends whose value nobody should see in a list of processes. */
const hidden = /(TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRETS?|CREDENTIALS?|API_?KEY|(^|_)(KEY|AUTH|PAT|PASS))$/i

/** Families of variables that mean something to the docker command, a stand-in for it, its plugins, or the runtime and loader below it. */
const meant =
  /^(LD_|DYLD_|MALLOC_|BASH|NODE_|NPM_CONFIG_|PYTHON|PERL|RUBY|JAVA_|GO|SSH_|SSL_|OPENSSL_|GIT_|LC_|XDG_|DOCKER_|BUILDX_|BUILDKIT_|COMPOSE_|CONTAINER|REGISTRY_|STORAGE_|PODMAN_|BUILDAH_|NOTARY_|OTEL_|EXPERIMENTAL_|AWS_|AZURE_|GOOGLE_|ACTIONS_|KUBE|DBUS_|GPG_|P11_|PKCS11_)/i

/**
 * Build arguments for `docker build`. By their names in its arguments, where a list of processes shows the values but nothing takes them for
 * its own; only those that sound like secrets, and belong to nothing known, in the environment of the command.
 */
export function argFlags(args: Readonly<Record<string, string>>): { flags: string[]; env: Record<string, string> } {
  const all = Object.entries(args)
  const isHidden = (name: string) => hidden.test(name) && !meant.test(name) && /^[A-Za-z_]\w*$/.test(name)
  return {
    flags: all.flatMap(([name, value]) => ['--build-arg', isHidden(name) ? name : `${name}=${value}`]),
    env: Object.fromEntries(all.filter(([name]) => isHidden(name))),
  }
}

/** Error: `arg-refused` for what would choose another frontend than Docker's, or the cache mounts of others. */
export function checkArgs(args: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(args)) {
    const refused =
      /^BUILDKIT_CACHE_MOUNT_NS$/i.test(name) || (/^BUILDKIT_SYNTAX$/i.test(name) && !isFrontendAllowed(value))
    if (refused) throw new BuildError('arg-refused', `the build argument ${name} may not be ${value || 'set'}`)
  }
}

/**
 * Error: `secret-refused` for a secret that BuildKit logs in with to fetch by git: what it fetched it gives, by its commit, to every build on that
 * daemon, whoever could read the repository.
 */
export function checkSecrets(secrets: readonly { id: string }[], isShared: boolean): void {
  const refused = secrets.find(({ id }) => isShared && /^(GIT|HTTP)_AUTH_(TOKEN|HEADER)/i.test(id))
  if (refused)
    throw new BuildError(
      'secret-refused',
      `the secret ${refused.id} would leave what it fetches to all builds on this daemon: only a machine of the build's own may have it`,
    )
}

/**
 * Flags that make what BuildKit shares between builds a namespace's own: its cache mounts, by their ids, and the steps it runs once for all
 * who want the same at the same time, by a line in their /etc/hosts. Nobody without the secret key can tell the name.
 */
export function apart({ d, job }: Pick<Session, 'd' | 'job'>): string[] {
  const namespace = shareOf(d, job.target)
  const name = createHmac('sha256', d.config.secretKey)
    .update(`steps and caches of ${namespace}`)
    .digest('hex')
    .slice(0, 32)
  return ['--build-arg', `BUILDKIT_CACHE_MOUNT_NS=${name}`, '--add-host', `${name}.drydock.invalid:127.0.0.1`]
}
