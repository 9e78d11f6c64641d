import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import type { Deps } from '../../src/deps.ts'
import { reconcile } from '../../src/inbox/reconcile.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { registryUser, startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'

const git = (e: DockerEstate) =>
  putCredential(
    e.d,
    'app',
    'ci',
    CredentialInput.parse({ kind: 'git', urlPrefix: `${e.git.origin}/`, username: 'ci', password: 's3cret' }),
  )

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('publishing to a registry that removes no single tag', () => {
  let registry: TestRegistry
  let e: DockerEstate
  beforeAll(async () => {
    registry = await startDebianRegistry()
    e = await dockerEstate(registry)
    await git(e)
  })
  afterAll(async () => {
    await e.close()
    await registry.close()
  })

  it('leaves one staging tag, says so, and never looks at it', async () => {
    const files = { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' }
    const { row, log } = await e.build('app/run:1', files)
    expect(row).toMatchObject({ state: 'succeeded', error: null })
    expect(log).toContain('1.drydock stays')
    expect(await e.tags('app/run')).toEqual(['1', '1.drydock'])
    expect((await e.at('app/run', '1'))?.digest).toBe(row.digest)
    await reconcile(e.d, { registry: registry.host })
    expect((await e.d.db.tag.findMany({ select: { name: true } })).map(({ name }) => name)).toEqual(['1'])
    await e.build('app/run:1', { Dockerfile: 'FROM scratch\nCOPY Dockerfile /x\n' })
    expect(await e.tags('app/run')).toEqual(['1', '1-prev', '1.drydock'])
  })
})

/** A registry as some were before OCI: whatever is not Docker's is refused. */
async function beforeOci(url: string): Promise<{ server: Server; host: string; url: string }> {
  const server = createServer((asked: IncomingMessage, answer: ServerResponse) => {
    const type = asked.headers['content-type'] ?? ''
    if (asked.method === 'PUT' && asked.url?.includes('/manifests/') && type.includes('vnd.oci.')) {
      asked.resume().once('end', () => {
        const body = JSON.stringify({ errors: [{ code: 'MANIFEST_INVALID', message: 'manifest invalid' }] })
        answer.writeHead(400, { 'content-type': 'application/json' }).end(body)
      })
      return
    }
    const options = { method: asked.method!, headers: asked.headers }
    const on = request(new URL(asked.url ?? '/', url), options, (said) => {
      answer.writeHead(said.statusCode ?? 502, said.headers)
      said.pipe(answer)
    })
    asked.pipe(on)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `localhost:${(server.address() as AddressInfo).port}`
  return { server, host, url: `http://${host}` }
}

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('publishing to a registry that takes no OCI manifest', () => {
  let registry: TestRegistry
  let old: Awaited<ReturnType<typeof beforeOci>>
  let e: DockerEstate
  beforeAll(async () => {
    registry = await startDebianRegistry()
    old = await beforeOci(registry.url)
    e = await dockerEstate(old)
    await git(e)
  })
  afterAll(async () => {
    await e.close()
    old.server.closeAllConnections()
    await new Promise((resolve) => old.server.close(resolve))
    await registry.close()
  })

  it('puts what the daemon pushed at the tag, and says so', async () => {
    const { row, log } = await e.build('app/run:1', { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' })
    expect(row).toMatchObject({ state: 'succeeded', error: null })
    expect(log).toContain('takes no OCI manifest')
    const stored = (await e.at('app/run', '1'))!
    expect([stored.digest, stored.mediaType]).toEqual([
      row.digest,
      'application/vnd.docker.distribution.manifest.v2+json',
    ])
    expect((await e.at('app/run', '1.drydock'))?.digest).toBe(row.digest)
  })

  it('makes a manifest list of several platforms', async () => {
    const files = { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' }
    const { row } = await e.build('app/many:1', files, { platforms: ['linux/amd64', 'linux/arm64'] })
    expect(row).toMatchObject({ state: 'succeeded', error: null })
    const stored = (await e.at('app/many', '1'))!
    expect([stored.digest, stored.mediaType]).toEqual([
      row.digest,
      'application/vnd.docker.distribution.manifest.list.v2+json',
    ])
    expect(stored.body.manifests?.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64'])
  })
})

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('a base of another namespace', () => {
  let registry: TestRegistry
  let e: DockerEstate
  /** Drydock's own login reads and pushes everything there. */
  const withLogin = (d: Deps): Deps => {
    const registries = d.config.registries.map((one) => ({ ...one, ...registryUser }))
    d.registries.close()
    return { ...d, config: { ...d.config, registries }, registries: makeRegistries(registries, d.log) }
  }
  beforeAll(async () => {
    registry = await startDebianRegistry({ auth: 'htpasswd' })
    e = await dockerEstate(registry, withLogin)
    await git(e)
    const { username, password } = registryUser
    await e.daemon.docker('login', '--username', username, '--password', password, registry.host)
    await e.pushBase('lib/secret:1', 'one')
  })
  afterAll(async () => {
    await e.close()
    await registry.close()
  })

  const files = () => ({ Dockerfile: `FROM ${e.ref('lib/secret:1')}\nRUN echo a > /a\n` })

  it('is not read with Drydock’s own login where it is private', async () => {
    const { row } = await e.build('app/run:1', files())
    expect(row).toMatchObject({ state: 'failed', digest: null, error: { code: 'base-denied' } })
    const copied = await e.build('app/copy:1', {
      Dockerfile: `FROM scratch\nCOPY --from=${e.ref('lib/secret:1')} /release /\n`,
    })
    expect(copied.row).toMatchObject({ state: 'failed', error: { code: 'base-denied' } })
  })

  it('is read once its namespace lets everybody', async () => {
    await e.pg.sql`insert into namespace (key, visibility) values ('lib', 'public')
      on conflict (key) do update set visibility = 'public'`
    expect((await e.build('app/run:1', files())).row).toMatchObject({ state: 'succeeded', error: null })
    await e.pg.sql`update namespace set visibility = 'private' where key = 'lib'`
    expect((await e.build('app/run:1', files())).row).toMatchObject({ state: 'failed', error: { code: 'base-denied' } })
  })

  it('is not rebased on with Drydock’s own login either', async () => {
    await e.pushBase('lib/secret:1', 'two')
    const rebase = { strategy: 'rebase', base: e.ref('lib/secret:1'), git: undefined }
    const { row } = await e.build('app/run:1', {}, rebase)
    expect(row).toMatchObject({ state: 'failed', error: { code: 'base-denied' } })
  })

  it('is read with a credential of the recipe’s own namespace', async () => {
    const credential = { kind: 'registry', urlPrefix: `http://${registry.host}/`, ...registryUser }
    await putCredential(e.d, 'app', 'reg', CredentialInput.parse(credential))
    const rebase = { strategy: 'rebase', base: e.ref('lib/secret:1'), git: undefined }
    expect((await e.build('app/run:1', {}, rebase)).row).toMatchObject({ state: 'succeeded', error: null })
    expect((await e.build('app/run:1', files())).row).toMatchObject({ state: 'succeeded', error: null })
  })
})
