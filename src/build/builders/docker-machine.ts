import type { Deps } from '../../deps.ts'
import { machineHosts } from '../machines/machine-hosts.ts'
import type { Builder } from './builder.ts'
import { dockerBuilder } from './docker.ts'

/** The docker builder, on a brand-new machine for each build (src/build/machines/machine-hosts.ts). */
export const dockerMachineBuilder = (d: Pick<Deps, 'config' | 'registries' | 'sql' | 'log'>): Builder =>
  dockerBuilder(d, machineHosts(d))
