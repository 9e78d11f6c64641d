import type { Deps } from '../../deps.ts'
import type { Recipe } from '../recipe.ts'
import type { Builder } from './builder.ts'
import { dockerBuilder } from './docker.ts'
import { probeDocker } from './docker-cli.ts'
import { rebaseBuilder } from './rebase.ts'

/** Every builder there is, by the name that DRYDOCK_BUILDER gives it. */
export const builders = { docker: dockerBuilder, rebase: rebaseBuilder } satisfies Record<string, (d: Deps) => Builder>

export type BuilderName = keyof typeof builders

/** What runs a recipe here: a rebase always the worker itself, a Dockerfile the configured builder; null where that cannot. */
export function builderFor(d: Deps, strategy: Recipe['strategy']): Builder | null {
  if (strategy === 'rebase') return builders.rebase(d)
  return d.config.builder === 'docker' ? builders.docker(d) : null
}

/** The default of DRYDOCK_BUILDER: docker where a daemon answers. */
export const defaultBuilder = async (): Promise<BuilderName> => ((await probeDocker()).ok ? 'docker' : 'rebase')
