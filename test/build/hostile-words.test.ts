import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { readLog } from '../../src/build/logs.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { putRecipe } from '../../src/build/recipes.ts'
import { requestBuild } from '../../src/build/request.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { requires } from '../support/requires.ts'

requires('docker', 'git')('a failure whose words are not ours', () => {
  let registry: SmallRegistry
  let e: DockerEstate
  let echo: Server
  beforeAll(async () => {
    registry = await startSmallRegistry()
    e = await dockerEstate(registry)
    echo = createServer((req, res) => {
      const [, basic] = req.headers.authorization?.split(' ') ?? []
      if (basic === undefined) return void res.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      const said = `access token ${Buffer.from(basic, 'base64').toString()} has expired\n`
      res.writeHead(403, { 'content-type': 'text/plain' }).end(said)
    })
    await new Promise<void>((listening) => echo.listen(0, '127.0.0.1', listening))
    for (const [name, urlPrefix, password] of [
      ['ci', `${e.git.origin}/`, 's3cret'],
      ['echo', `http://127.0.0.1:${(echo.address() as AddressInfo).port}/`, 'never-to-be-seen'],
    ] as const)
      await putCredential(e.d, 'app', name, CredentialInput.parse({ kind: 'git', urlPrefix, username: 'ci', password }))
  })
  afterAll(async () => {
    echo.close()
    await e.close()
    await registry.close()
  })

  const hostile: [string, string][] = [
    ['nul', 'FROM a\0b\n'],
    ['utf16', Buffer.from('FROM alpine:3\n', 'utf16le').toString('latin1')],
    ['emoji', `FROM "${'😀'.repeat(1500)}"\n`],
    ['emoji-odd', `FROM "x${'😀'.repeat(1500)}"\n`],
  ]
  it.each(hostile)('ends the build: %s', async (name, Dockerfile) => {
    const { row } = await e.build(`app/${name}:1`, { Dockerfile })
    expect(row).toMatchObject({ state: 'failed', error: { message: expect.any(String), retryable: false } })
  })

  it('holds no secret that a git server says back', async () => {
    const url = `http://127.0.0.1:${(echo.address() as AddressInfo).port}/x.git`
    await putRecipe(e.d, e.ref('app/echo:1'), Recipe.parse({ git: { url, ref: 'main', credential: 'echo' } }))
    const asked = await requestBuild(e.d, { ref: e.ref('app/echo:1'), reason: { kind: 'manual' }, root: null })
    if (asked === 'no-recipe') throw new Error('there is a recipe')
    await build(e.d, asked.build.id)
    const row = await e.d.db.build.findUniqueOrThrow({ where: { id: asked.build.id } })
    expect(JSON.stringify(row.error)).toContain('access token ci:***')
    expect(
      JSON.stringify([row, await readLog(e.d, row.id)], (_, x) => (typeof x === 'bigint' ? String(x) : x)),
    ).not.toContain('never-to-be-seen')
  })
})
