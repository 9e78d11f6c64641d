import { afterAll, beforeAll, describe } from '@jest/globals'
import { rebaseBuilder } from '../../src/build/builders/rebase.ts'
import { namespaceLogins } from '../../src/build/logins.ts'
import { Recipe } from '../../src/build/recipe.ts'
import type { Content } from '../../src/demo/make-content.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import type { Deps } from '../../src/deps.ts'
import { buildDeps, freshContent, learnTags, pushContent } from '../build/world.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type BuilderTrial, builderContract } from './builder.ts'

describe('the rebase builder', () => {
  let pg: TestDatabase
  let registry: SmallRegistry
  let d: Deps
  let trial: BuilderTrial

  beforeAll(async () => {
    pg = await testDatabase()
    registry = await startSmallRegistry()
    d = buildDeps(pg, registry)
    const client = d.registries.byName(registry.host)!
    const baseName = `${registry.host}/lib/base:1`
    const childName = `${registry.host}/app/child:1`
    const moveBase = async () => {
      const base = freshContent(null, 'base')
      const digest = await pushContent(client, 'lib/base', '1', base)
      await learnTags(d, [baseName, childName])
      return digest
    }
    const first: Content = freshContent(null, 'base')
    await pushContent(client, 'lib/base', '1', first)
    await learnTags(d, [baseName])
    await pushContent(client, 'app/child', '1', freshContent(first, 'child'))
    await learnTags(d, [childName])
    const recipe = (base?: string) => Recipe.parse({ strategy: 'rebase', ...(base ? { base } : {}) })
    trial = {
      builder: rebaseBuilder(d),
      registries: d.registries,
      logins: namespaceLogins(d, { host: registry.host, repository: 'app/child' }),
      client,
      host: registry.host,
      baseName,
      baseRepository: 'lib/base',
      moveBase,
      child: recipe(baseName),
      orphan: recipe(`${registry.host}/lib/none:1`),
      traces: async () => [],
    }
  })
  afterAll(async () => {
    d.registries.close()
    await registry.close()
    await pg.close()
  })

  builderContract(() => trial)
})
