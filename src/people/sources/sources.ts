import type { PeopleSourceConfig } from '../../people-settings.ts'
import type { RegistryConfig } from '../../registry/registries.ts'
import { harbor } from './harbor.ts'
import { ownersFile } from './owners-file.ts'
import { portusApi } from './portus-api.ts'
import { portusDatabase } from './portus-database.ts'
import { type Limits, type PeopleSource, usualLimits } from './source.ts'

type Adapter<Config> = (
  config: Config,
  registries: readonly RegistryConfig[],
  limits?: Limits,
  clock?: () => Date,
) => PeopleSource

/** Every kind of source there is, but "local", which is the API. */
const adapters: { [K in PeopleSourceConfig['kind']]: Adapter<Extract<PeopleSourceConfig, { kind: K }>> } = {
  'portus-database': portusDatabase,
  'portus-api': portusApi,
  file: ownersFile,
  harbor,
}

/** The source of a configuration; nothing is opened until it is read. `registries`: those that send events. */
export function peopleSource(
  config: PeopleSourceConfig,
  registries: readonly RegistryConfig[],
  limits: Limits = usualLimits,
  clock: () => Date = () => new Date(),
): PeopleSource {
  const adapter = adapters[config.kind] as Adapter<PeopleSourceConfig>
  return adapter(config, registries, limits, clock)
}
