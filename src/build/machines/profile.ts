import type { MachineProfile } from '../../build-settings.ts'

export type NamedProfile = MachineProfile & { name: string }
type Settings = { profiles: Readonly<Record<string, MachineProfile>>; namespaces: Readonly<Record<string, string>> }

/** Which kind of machine a build gets: what its recipe names, else its namespace's, else `default`. Null: nobody configured that. */
export function profileFor(settings: Settings, asked: string | undefined, namespaceKey: string): NamedProfile | null {
  const name = asked ?? settings.namespaces[namespaceKey] ?? 'default'
  const profile = Object.hasOwn(settings.profiles, name) ? settings.profiles[name] : undefined
  return profile ? { ...profile, name } : null
}

/**
 * Arguments of `docker-machine create`. `insecure`: registries (host[:port]) that the machine's daemon may speak to without TLS that
 * it can verify. The name is last: all before it belongs to the driver.
 */
export const createArgs = (
  profile: Pick<MachineProfile, 'driver' | 'options'>,
  insecure: readonly string[],
  name: string,
): string[] => [
  ...['create', '--driver', profile.driver],
  ...insecure.flatMap((registry) => ['--engine-insecure-registry', registry]),
  ...profile.options,
  name,
]

type Registry = { name: string; url: string; insecure: boolean; aliases?: readonly string[] | undefined }

/** The names of registries that a new daemon would refuse as they are. To loopback a daemon speaks plainly by itself. */
export const insecureRegistries = (registries: readonly Registry[]): string[] =>
  registries
    .filter((registry) => registry.insecure || new URL(registry.url).protocol === 'http:')
    .flatMap((registry) => [registry.name, ...(registry.aliases ?? [])])
    .filter((host) => !/^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(host))
