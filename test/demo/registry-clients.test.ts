import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startDockerd } from '../support/docker.ts'
import { loadFamily } from '../support/family.ts'
import { startSmall, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'

/** The small registry as those tools see it that people push and pull with. */
let registry: TestRegistry
let dir: string

beforeAll(async () => {
  registry = await startSmall()
  dir = mkdtempSync(join(tmpdir(), 'clients-'))
})
afterAll(async () => {
  await registry.close()
  rmSync(dir, { recursive: true, force: true })
})

/** Not the synchronous one: the registry it talks to runs in this process. */
const run = async (program: string, ...args: string[]) => (await promisify(execFile)(program, args)).stdout

requires('skopeo')('skopeo', () => {
  test('pushes indexes with attestations, and pulls the same bytes', async () => {
    const fixture = new URL('../fixtures/family', import.meta.url).pathname
    const names = ['app/prov1:1', 'lib/mbase:1']
    const heads = loadFamily().pushes.filter(({ repository, tag }) => names.includes(`${repository}:${tag}`))
    expect(heads.length).toBeGreaterThanOrEqual(2)
    for (const { repository, digest } of heads) {
      // By digest, out of a layout of its own: in the fixture's index one name stands for each of its pushes.
      const layout = join(dir, digest.slice(7, 19))
      mkdirSync(layout)
      await run('cp', '-r', join(fixture, 'blobs'), join(fixture, 'oci-layout'), layout)
      const head = readFileSync(join(fixture, 'blobs', digest.replace(':', '/')))
      const { mediaType } = JSON.parse(head.toString()) as { mediaType: string }
      const entry = { mediaType, digest, size: head.length, annotations: { 'org.opencontainers.image.ref.name': 'x' } }
      writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
      const there = `docker://127.0.0.1:${registry.port}/${repository}:1`
      await run('skopeo', 'copy', '--quiet', '--all', '--dest-tls-verify=false', `oci:${layout}:x`, there)
      expect((await registry.client.headManifest(repository, '1'))?.digest).toBe(digest)
      await run('skopeo', 'copy', '--quiet', '--all', '--src-tls-verify=false', there, `oci:${layout}-back:x`)
      const back = JSON.parse(readFileSync(join(`${layout}-back`, 'index.json'), 'utf8')) as {
        manifests: { digest: string }[]
      }
      expect(back.manifests.map((manifest) => manifest.digest)).toEqual([digest])
    }
    const listed = JSON.parse(
      await run('skopeo', 'list-tags', '--tls-verify=false', `docker://127.0.0.1:${registry.port}/app/prov1`),
    )
    expect(listed).toMatchObject({ Tags: ['1'] })
  })
})

requires('docker')('docker', () => {
  test('pushes, mounts what another repository has, and pulls', async () => {
    const daemon = await startDockerd()
    try {
      writeFileSync(join(dir, 'hello'), 'hello\n')
      await run('tar', '-cf', join(dir, 'root.tar'), '-C', dir, 'hello')
      const [one, two] = ['docker/one', 'docker/two'].map((repository) => `${registry.host}/${repository}:1`)
      await daemon.docker('import', join(dir, 'root.tar'), one!)
      await daemon.docker('tag', one!, two!)
      await daemon.docker('push', one!)
      expect(await daemon.docker('push', two!)).toContain('Mounted from docker/one')
      const id = (await daemon.docker('image', 'inspect', '--format', '{{.Id}}', one!)).trim()
      await daemon.docker('rmi', one!, two!)
      await daemon.docker('pull', two!)
      expect((await daemon.docker('image', 'inspect', '--format', '{{.Id}}', two!)).trim()).toBe(id)
    } finally {
      await daemon.close()
    }
  })
})
