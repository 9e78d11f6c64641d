import type { Deps } from '../../deps.ts'
import type { Recipe } from '../recipe.ts'
import type { Builder } from './builder.ts'
import { dockerBuilder } from './docker.ts'
import { probeDocker } from './docker-cli.ts'
import { dockerMachineBuilder } from './docker-machine.ts'
import { rebaseBuilder } from './rebase.ts'
import { remoteBuilder } from './remote.ts'

/** Every builder there is, by the name that DRYDOCK_BUILDER gives it; `remote` by its address. */
export const builders = {
  docker: dockerBuilder,
  'docker-machine': dockerMachineBuilder,
  remote: remoteBuilder,
  rebase: rebaseBuilder,
} satisfies Record<string, (d: Deps) => Builder>

export type BuilderName = keyof typeof builders

/** Whether an installation with this DRYDOCK_BUILDER runs such recipes: a rebase always, a Dockerfile where it can. */
export const canBuild = (builder: Deps['config']['builder'], strategy: Recipe['strategy']): boolean =>
  strategy === 'rebase' || builder !== 'rebase'

/** What runs a recipe here: a rebase always the worker itself, a Dockerfile the configured builder; null where that cannot. */
export function builderFor(d: Deps, strategy: Recipe['strategy']): Builder | null {
  if (!canBuild(d.config.builder, strategy)) return null
  return builders[strategy === 'rebase' ? 'rebase' : d.config.builder](d)
}

/** The default of DRYDOCK_BUILDER: docker where a daemon answers. */
export const defaultBuilder = async (): Promise<'docker' | 'rebase'> => ((await probeDocker()).ok ? 'docker' : 'rebase')
