import { isUtf8 } from 'node:buffer'
import type { PeopleSourceConfig } from '../../people-settings.ts'
import type { RegistryConfig } from '../../registry/registries.ts'
import { fileClaims } from './file-claims.ts'
import { readWholeFile } from './read-file.ts'
import { snapshotOf } from './snapshot-of.ts'
import { type Limits, type PeopleSource, SourceError, usualLimits } from './source.ts'

type Config = Extract<PeopleSourceConfig, { kind: 'file' }>

/** A file of people, roles and owner rules, as docs/people.md has it. It is read anew each time. */
export function ownersFile(
  config: Config,
  registries: readonly RegistryConfig[],
  limits: Limits = usualLimits,
  clock: () => Date = () => new Date(),
): PeopleSource {
  return {
    name: config.name,
    async read(signal) {
      const bytes = await readWholeFile(config.path, { limits, clock, signal })
      if (!isUtf8(bytes)) throw new SourceError('nonsense', `${config.path} is no UTF-8`)
      return snapshotOf(fileClaims(bytes.toString(), config.path, config.registry), registries.length)
    },
  }
}
