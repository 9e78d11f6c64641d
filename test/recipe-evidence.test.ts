import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { eventually } from '../src/demo/watch.ts'
import { type TestDatabase, testDatabase } from './support/postgres.ts'
import { pushImage, startSmall, type TestRegistry } from './support/registry.ts'
import { makeService, type TestService } from './support/service.ts'

/** The whole service: images say where they were built from, a recipe is proposed and accepted, and its Dockerfile is evidence. */
let pg: TestDatabase
let registry: TestRegistry
let service: TestService
let git: string
beforeAll(async () => {
  pg = await testDatabase()
  service = await makeService(pg.url)
  registry = await startSmall({ endpoints: [service.hook] })
  git = mkdtempSync(join(tmpdir(), 'source-'))
  await service.start({
    DRYDOCK_REGISTRY_URL: registry.url,
    DRYDOCK_REGISTRY_NAME: registry.host,
    DRYDOCK_BUILDER: 'rebase',
    DRYDOCK_GIT_PROTOCOLS: 'file',
  })
})
afterAll(async () => {
  await service.close()
  await registry.close()
  await pg.close()
  rmSync(git, { recursive: true, force: true })
})

const commit = (dockerfile: string): string => {
  const run = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd: git })
      .toString()
      .trim()
  run('init', '--quiet', '--initial-branch=main')
  writeFileSync(join(git, 'Dockerfile'), dockerfile)
  run('add', '--all')
  run('commit', '--quiet', '--message=change')
  return run('rev-parse', 'HEAD')
}
type Base = { ref: string | null; role: string; evidence: string[]; confidence: string }
type Tag = { status: string; platforms: { bases: Base[] }[]; causes: { base: string; confidence: string }[] }
const tagIs = (name: string, says: (tag: Tag) => boolean) =>
  eventually(`${name} as expected`, 90, async () => {
    const tag = await service.api<Tag>('GET', `/tags/${encodeURIComponent(name)}`).catch(() => null)
    return tag && says(tag) ? tag : null
  })

test('a squashed image: nothing is known, then its recipe names the base, and the base moves', async () => {
  const base = `${registry.host}/lib/base:1`
  const made = commit(`ARG V=1\nFROM ${registry.host}/lib/base:$V AS base\nFROM scratch AS tool\nFROM base\n`)
  await pushImage(registry.client, { repository: 'lib/base', tag: '1', layers: ['os'] })
  const annotations = {
    'org.opencontainers.image.source': `file://${git}`,
    'org.opencontainers.image.revision': made,
  }
  await pushImage(registry.client, { repository: 'app/flat', tag: '1', layers: ['everything in one'], annotations })
  await tagIs('app/flat:1', ({ status, platforms }) => status === 'current' && platforms[0]?.bases.length === 0)
  const proposal = await service.api<{ acceptable: boolean; recipe: object }>('GET', '/recipes/app%2Fflat%3A1/proposal')
  expect(proposal).toMatchObject({ acceptable: true, recipe: { git: { url: `file://${git}`, ref: made } } })
  await service.api('PUT', '/recipes/app%2Fflat%3A1', proposal.recipe)
  const known = await tagIs('app/flat:1', ({ platforms }) => platforms[0]?.bases.length === 1)
  expect(known).toMatchObject({
    status: 'current',
    platforms: [{ bases: [{ ref: base, role: 'runtime', evidence: ['recipe'], confidence: 'declared' }] }],
  })
  expect(await service.api('GET', '/recipes/app%2Fflat%3A1/reading')).toMatchObject({
    reading: { commit: made, error: null },
  })
  await pushImage(registry.client, { repository: 'lib/base', tag: '1', layers: ['os, patched'] })
  const outdated = await tagIs('app/flat:1', ({ status }) => status === 'outdated')
  expect(outdated.causes).toMatchObject([{ base, confidence: 'declared' }])
  await pushImage(registry.client, { repository: 'app/flat', tag: '1', layers: ['everything anew'] })
  const again = await tagIs(
    'app/flat:1',
    ({ status, platforms }) => status === 'current' && platforms[0]?.bases.length === 1,
  )
  expect(again.platforms[0]!.bases).toMatchObject([{ ref: base, evidence: ['recipe'] }])
})
