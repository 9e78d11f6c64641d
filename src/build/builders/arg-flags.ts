import { createHmac } from 'node:crypto'
import { BuildError } from '../build-error.ts'
import { isFrontendAllowed } from '../dockerfile-check/read-directives.ts'
import { namespaceKeyOf } from '../namespace-key.ts'
import type { Session } from './docker-session.ts'

/** Variables that mean something to the docker command, its plugins, or the runtime and loader below it. */
const meant =
  /^(PATH|HOME|USER|USERPROFILE|SHELL|TERM|TZ|TMPDIR|TEMP|TMP|HOSTNAME|NO_COLOR|CLICOLOR|CLICOLOR_FORCE|COLUMNS|LINES|LANG|LANGUAGE|KUBECONFIG|SOURCE_DATE_EPOCH|SSH_.*|SSL_.*|LC_.*|LD_.*|GO.*|XDG_.*|GIT_.*|DOCKER_.*|BUILDX_.*|BUILDKIT_.*|COMPOSE_.*|OTEL_.*|EXPERIMENTAL_.*|AWS_.*|AZURE_.*|GOOGLE_.*|ACTIONS_.*|(HTTPS?|FTP|NO|ALL)_PROXY)$/i

/**
 * Build arguments for `docker build`: the values in the environment of the command, so that no list of processes shows them; those whose
 * names mean something to the command itself in its arguments.
 */
export function argFlags(args: Readonly<Record<string, string>>): { flags: string[]; env: Record<string, string> } {
  const all = Object.entries(args)
  return {
    flags: all.flatMap(([name, value]) => ['--build-arg', meant.test(name) ? `${name}=${value}` : name]),
    env: Object.fromEntries(all.filter(([name]) => !meant.test(name))),
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
 * Flags that make what BuildKit shares between builds a namespace's own: its cache mounts, by their ids, and the steps it runs once for all
 * who want the same at the same time, by a line in their /etc/hosts. Nobody without the secret key can tell the name.
 */
export function apart({ d, job }: Pick<Session, 'd' | 'job'>): string[] {
  const namespace = namespaceKeyOf(d, job.target)
  const name = createHmac('sha256', d.config.secretKey)
    .update(`steps and caches of ${namespace}`)
    .digest('hex')
    .slice(0, 32)
  return ['--build-arg', `BUILDKIT_CACHE_MOUNT_NS=${name}`, '--add-host', `${name}.drydock.invalid:127.0.0.1`]
}

/** Of these arguments those that a Dockerfile declares: the legacy builder complains of others. */
export const declared = (args: Readonly<Record<string, string>>, dockerfile: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(args).filter(([name]) => new RegExp(`^\\s*ARG\\s(.*\\s)?${name}(\\s|=|$)`, 'im').test(dockerfile)),
  )
