import type { Deps } from '../../deps.ts'
import type { Recipe } from '../recipe.ts'
import type { Builder } from './builder.ts'
import { dockerBuilder } from './docker.ts'
import { probeDocker } from './docker-cli.ts'
import { dockerMachineBuilder } from './docker-machine.ts'
import { rebaseBuilder } from './rebase.ts'

/** Every builder there is, by the name that DRYDOCK_BUILDER gives it. */
export const builders = {
  docker: dockerBuilder,
  'docker-machine': dockerMachineBuilder,
  rebase: rebaseBuilder,
} satisfies Record<string, (d: Deps) => Builder>

export type BuilderName = keyof typeof builders

/** Whether an installation with this DRYDOCK_BUILDER runs such recipes: a rebase always, a Dockerfile where it can. */
export const canBuild = (builder: Deps['config']['builder'], strategy: Recipe['strategy']): boolean =>
  strategy === 'rebase' || builder !== 'rebase'

/** What runs a recipe here: a rebase always the worker itself, a Dockerfile the configured builder; null where that cannot. */
export function builderFor(d: Deps, strategy: Recipe['strategy']): Builder | null {
  if (!canBuild(d.config.builder, strategy)) return null
  if (strategy === 'rebase') return builders.rebase(d)
  return d.config.builder === 'docker-machine' ? builders['docker-machine'](d) : builders.docker(d)
}

/** The default of DRYDOCK_BUILDER: docker where a daemon answers. */
export const defaultBuilder = async (): Promise<BuilderName> => ((await probeDocker()).ok ? 'docker' : 'rebase')
