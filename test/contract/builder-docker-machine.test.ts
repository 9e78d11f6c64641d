import { afterAll, beforeAll } from '@jest/globals'
import { dockerMachineBuilder } from '../../src/build/builders/docker-machine.ts'
import { Machines } from '../../src/build-settings.ts'
import { standIn, type TestMachines, testMachines } from '../support/machines.ts'
import { requires } from '../support/requires.ts'
import { type DockerfileTrial, dockerfileContract } from './dockerfile-builder.ts'
import { type DockerfileWorld, dockerfileWorld } from './dockerfile-world.ts'

requires(
  'docker',
  'buildkit',
  'git',
  'klibc',
)('the docker-machine builder', () => {
  let world: DockerfileWorld
  let machines: TestMachines
  let trial: DockerfileTrial

  beforeAll(async () => {
    world = await dockerfileWorld()
    machines = testMachines()
    process.env.MACHINE_STORAGE_PATH = machines.env.MACHINE_STORAGE_PATH
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1' // a daemon that nobody may ask
    const settings = Machines.parse({ profiles: { default: { driver: 'none' } } })
    trial = await world.trial({
      engine: 'buildkit',
      config: { machines: { ...settings, command: standIn } },
      builder: dockerMachineBuilder,
      traces: async () => [...(await machines.names()), ...machines.daemons().map(String)],
      begin: async (id) => {
        const data = { id, ref: `app/${id}:1`, key: '', reason: {}, recipe: {}, state: 'running' as const }
        await world.pg.db.build.create({ data })
      },
    })
  })
  afterAll(async () => {
    delete process.env.DOCKER_HOST
    delete process.env.MACHINE_STORAGE_PATH
    await machines.close()
    await world.close()
  })

  dockerfileContract(() => trial, 'buildkit')
})
