import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type DockerHost, findDocker, withVariant, writeDockerConfig } from '../../../src/build/builders/docker-cli.ts'
import { type Dockerd, startDockerd } from '../../support/docker.ts'
import { requires } from '../../support/requires.ts'

/** What the CLI asks a plugin: to describe itself, and here its version. https://docs.docker.com/engine/extend/ */
const plugin = `#!/bin/sh
if [ "$1" = docker-cli-plugin-metadata ]; then
  echo '{"SchemaVersion":"0.1.0","Vendor":"a test","Version":"v0","ShortDescription":"none"}'
fi
`

requires('docker')('finding out how to build', () => {
  let dockerd: Dockerd
  beforeAll(async () => {
    dockerd = await startDockerd()
  })
  afterAll(() => dockerd.close())

  let dir: string
  const ours = process.env.DOCKER_CONFIG
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'drydock-find-docker-'))
  })
  afterEach(async () => {
    if (ours === undefined) delete process.env.DOCKER_CONFIG
    else process.env.DOCKER_CONFIG = ours
    await rm(dir, { recursive: true })
  })

  const found = async (): Promise<DockerHost> => {
    const endpoint = { env: { DOCKER_HOST: dockerd.host } }
    return findDocker(await writeDockerConfig(dir, 'config', null), AbortSignal.timeout(120_000), endpoint)
  }

  test("the buildx of our user's own docker configuration is found, and nothing else of that configuration used", async () => {
    const own = join(dir, 'own')
    await mkdir(join(own, 'cli-plugins'), { recursive: true })
    await writeFile(join(own, 'cli-plugins', 'docker-buildx'), plugin, { mode: 0o755 })
    await writeFile(join(own, 'config.json'), JSON.stringify({ currentContext: 'absent' }))
    process.env.DOCKER_CONFIG = own
    expect(await found()).toMatchObject({ buildkit: 'default', platform: expect.stringContaining('linux/') })
  })

  test('a configuration that is not there changes nothing', async () => {
    process.env.DOCKER_CONFIG = join(dir, 'absent')
    expect(await found()).toMatchObject({ serverVersion: expect.stringMatching(/^\d/) })
  })
})

test.each([
  ['armv6l', 'linux/arm/v6'],
  ['armv5tel', 'linux/arm/v5'],
  ['armv7l', 'linux/arm'],
  ['aarch64', 'linux/arm'],
  ['', 'linux/arm'],
])('a daemon of ARM on a %s', (machine, platform) => expect(withVariant('linux/arm', machine)).toBe(platform))
