import { afterAll, beforeAll } from '@jest/globals'
import { dockerBuilder } from '../../src/build/builders/docker.ts'
import { requires } from '../support/requires.ts'
import { type DockerfileTrial, dockerfileContract } from './dockerfile-builder.ts'
import { type DockerfileWorld, daemonTraces, dockerfileWorld } from './dockerfile-world.ts'

for (const engine of ['legacy', 'buildkit'] as const)
  requires(...(['docker', ...(engine === 'buildkit' ? ([engine] as const) : []), 'git', 'klibc'] as const))(
    `the docker builder with ${engine === 'legacy' ? 'the legacy builder' : 'BuildKit'}`,
    () => {
      let world: DockerfileWorld
      let trial: DockerfileTrial

      beforeAll(async () => {
        world = await dockerfileWorld()
        process.env.DOCKER_HOST = world.daemon.host
        trial = await world.trial({ engine, config: {}, builder: dockerBuilder, traces: daemonTraces })
      })
      afterAll(async () => {
        delete process.env.DOCKER_HOST
        await world.close()
      })

      dockerfileContract(() => trial, engine)
    },
  )
