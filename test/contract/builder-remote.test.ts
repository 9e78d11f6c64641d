import { afterAll, beforeAll } from '@jest/globals'
import { remoteBuilder } from '../../src/build/builders/remote.ts'
import { type BuildService, builderToken, makeBuildService } from '../support/build-service.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { buildKitPath, requires } from '../support/requires.ts'
import { type DockerfileTrial, dockerfileContract } from './dockerfile-builder.ts'
import { type DockerfileWorld, daemonTraces, dockerfileWorld } from './dockerfile-world.ts'

requires(
  'docker',
  'buildkit',
  'git',
  'klibc',
)('the remote builder, with a build service of its own', () => {
  let world: DockerfileWorld
  let servicePg: TestDatabase
  let service: BuildService
  let trial: DockerfileTrial

  beforeAll(async () => {
    world = await dockerfileWorld()
    servicePg = await testDatabase()
    service = await makeBuildService(servicePg.url, world.daemon.host, { PATH: buildKitPath() ?? '' })
    await service.start()
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1' // nothing is built here
    trial = await world.trial({
      engine: 'buildkit',
      config: { builder: 'remote', builderUrl: service.url, builderToken },
      builder: remoteBuilder,
      traces: daemonTraces,
    })
  })
  afterAll(async () => {
    delete process.env.DOCKER_HOST
    await service.close()
    await servicePg.close()
    await world.close()
  })

  dockerfileContract(() => trial, 'buildkit')
})
