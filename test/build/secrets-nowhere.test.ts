import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { eventually } from '../../src/demo/watch.ts'
import { type Dockerd, startDockerd } from '../support/docker.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { writeKlibcBase } from '../support/klibc.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'
import { buildKitPath, requires } from '../support/requires.ts'
import { processesHolding } from '../support/secrets-seen.ts'
import { makeService, type TestService } from '../support/service.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

type Build = { id: string; state: string; error: { code: string; message: string } | null }

/** The whole service with a secret of every kind, and afterwards a look at everything that others may read. */
requires(...(['docker', 'buildkit', 'docker-registry', 'git', 'klibc', 'sshd'] as const))(
  'no secret stands in database, logs, API or arguments',
  () => {
    const secrets = {
      git: 'gít-p4ss/word+of&the=tests',
      registry: 'registry-p4ss/of-the-tests',
      gitHook: 'git-hook-secret-of-the-tests',
      build: '{\n  "pin": "47x1",\n  "password": "hunter2-of-the-tests"\n}\nend-line',
      key: 'the-secret-key-of-the-tests',
      admin: 'an-admin-token-for-tests',
      webhook: 'a-webhook-token-for-tests',
      database: 'postgres',
    }
    let pg: TestDatabase
    let registry: TestRegistry
    let proxy: RegistryProxy
    let git: GitServer
    let ssh: SshServer
    let daemon: Dockerd
    let service: TestService
    let context: string
    const seen = new Set<string>()

    const base64 = (text: string) => Buffer.from(text).toString('base64')
    const keyLines = () => ssh.key.split('\n').filter((line) => line.length > 8 && !line.startsWith('-----'))
    /** what nobody may see, in forms that are unlike anything else */
    const forms = () => [
      ...[secrets.git, encodeURIComponent(secrets.git), base64(`ci:${secrets.git}`), base64(secrets.git)],
      ...[secrets.registry, encodeURIComponent(secrets.registry), base64(`pusher:${secrets.registry}`)],
      ...[secrets.gitHook, 'hunter2-of-the-tests', '47x1', 'end-line', base64(secrets.build).slice(0, 60)],
      ...[secrets.key, secrets.admin, secrets.webhook, ...keyLines()],
    ]
    const holding = (text: string) => forms().filter((form) => text.includes(form))
    const look = () => {
      for (const form of forms())
        if (processesHolding(form).some((file) => file === 'cmdline')) seen.add(`arguments: ${form}`)
    }

    beforeAll(async () => {
      pg = await testDatabase()
      registry = await startDebianRegistry()
      proxy = await registryProxy(registry.port)
      const login = `Basic ${base64(`pusher:${secrets.registry}`)}`
      const challenge = { 'www-authenticate': 'Basic realm="registry"' }
      proxy.fate = ({ authorization }) => (authorization === login ? 'through' : { status: 401, headers: challenge })
      git = await startGitServer({ username: 'ci', password: secrets.git })
      git.onRequest = look
      ssh = await startSshServer()
      daemon = await startDockerd()
      context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
      writeKlibcBase(context, 'one')
      await daemon.docker('build', '--quiet', '--tag', `${registry.host}/lib/base:1`, context)
      await daemon.docker('push', `${registry.host}/lib/base:1`)
      service = await makeService(pg.url)
      await service.start({
        ...{ DRYDOCK_BUILDER: 'docker', DOCKER_HOST: daemon.host, PATH: buildKitPath() ?? '' },
        ...{ DRYDOCK_REGISTRY_URL: proxy.url, DRYDOCK_REGISTRY_NAME: proxy.host, DRYDOCK_SECRET_KEY: secrets.key },
        ...{ DRYDOCK_REGISTRY_USERNAME: 'pusher', DRYDOCK_REGISTRY_PASSWORD: secrets.registry },
        ...{ DRYDOCK_GIT_PROTOCOLS: 'http,ssh', DRYDOCK_LOG_LEVEL: 'debug' },
      })
      const store = (name: string, body: object) => service.api('PUT', `/namespaces/app/credentials/${name}`, body)
      await store('ci', { kind: 'git', urlPrefix: `${git.origin}/`, username: 'ci', password: secrets.git })
      await store('deploy', {
        kind: 'ssh',
        urlPrefix: `${ssh.origin.replace(/[^/]*@/, '')}/`,
        privateKey: ssh.key,
        knownHosts: ssh.knownHosts,
      })
      const own = {
        kind: 'registry',
        urlPrefix: `http://${proxy.host}/lib`,
        username: 'pusher',
        password: secrets.registry,
      }
      await store('pull', own)
      await store('build', { kind: 'secret', password: secrets.build })
      await service.api('PUT', '/namespaces/app/git-hook', { secret: secrets.gitHook })
    })
    afterAll(async () => {
      await service?.close()
      await daemon?.close()
      await ssh?.close()
      await git?.close()
      await proxy?.close()
      await registry?.close()
      await pg?.close()
      rmSync(context, { recursive: true, force: true })
    })

    const built = async (name: string, files: Record<string, string>, source: object): Promise<Build> => {
      git.commit(name, files)
      const ref = encodeURIComponent(`${proxy.host}/app/${name}:1`)
      const recipe = { git: { ref: 'main', ...source }, secrets: [{ id: 'all', credential: 'build' }] }
      await service.api('PUT', `/recipes/${ref}`, recipe)
      const { id } = await service.api<Build>('POST', '/builds', { ref: `${proxy.host}/app/${name}:1` })
      return eventually(`${name} is built`, 170, async () => {
        look()
        const build = await service.api<Build>('GET', `/builds/${id}`)
        return ['succeeded', 'failed'].includes(build.state) ? build : null
      })
    }

    it('of builds that print all they have, as it is and written otherwise', async () => {
      const said = [
        ...[secrets.git, encodeURIComponent(secrets.git), base64(secrets.git), base64(`ci:${secrets.git}`)],
        ...[secrets.registry, base64(`pusher:${secrets.registry}`), base64(`{"auth": "pusher:${secrets.registry}"}`)],
        ...[base64(secrets.build), JSON.stringify(secrets.build), 'pin 47x1.'],
      ]
      const first = [
        ...[`FROM ${proxy.host}/lib/base:1`, 'COPY said /said', 'RUN cat /said'],
        'RUN --mount=type=secret,id=all cat /run/secrets/all',
        // in two writes, so that it comes in pieces
        `RUN printf 'hunter2-of'; printf -- '-the-tests\\n'`,
      ]
      const one = await built(
        'http',
        { Dockerfile: `${first.join('\n')}\n`, said: `${said.join('\n')}\n` },
        { url: `${git.origin}/http.git`, credential: 'ci' },
      )
      expect([one.state, one.error]).toEqual(['succeeded', null])
      const second = `FROM ${proxy.host}/lib/base:1\nCOPY said /said\nRUN cat /said && exit 3\n`
      const two = await built(
        'ssh',
        { Dockerfile: second, said: ssh.key },
        { url: `${ssh.origin}${git.root}/ssh.git`, credential: 'deploy' },
      )
      expect([two.state, two.error?.code]).toEqual(['failed', 'build-failed'])
      const wrong = await built('gone', { Dockerfile: second }, { url: `${git.origin}/none.git`, credential: 'ci' })
      expect(wrong.state).toBe('failed')
    })

    it('of a push to git, signed right and wrong', async () => {
      const body = JSON.stringify({ ref: 'refs/heads/main', repository: { clone_url: `${git.origin}/http.git` } })
      for (const key of [secrets.gitHook, 'another']) {
        const signature = `sha256=${createHmac('sha256', key).update(body).digest('hex')}`
        const headers = { 'x-github-event': 'push', 'x-hub-signature-256': signature }
        const answer = await fetch(`${service.url}/v2/webhooks/git/app`, { method: 'POST', body, headers })
        expect(holding(await answer.text())).toEqual([])
      }
    })

    it('in every table, in the service log, in every answer of the API, in any arguments', async () => {
      const tables = await pg.sql<{ name: string }[]>`
      select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')`
      const rows = await Promise.all(tables.map(({ name }) => pg.sql.unsafe(`select t::text as row from ${name} t`)))
      const dump = JSON.stringify(rows.flat().map(({ row }) => row as string))
      expect(dump).toContain('cat /said')
      expect(holding(dump)).toEqual([])
      expect(
        holding(
          rows
            .flat()
            .map(({ row }) => row as string)
            .join('\n'),
        ),
      ).toEqual([])
      expect(holding(service.log())).toEqual([])

      const { paths } = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')) as {
        paths: Record<string, { get?: object }>
      }
      const builds = await service.api<{ items: Build[] }>('GET', '/builds')
      expect(builds.items.length).toBeGreaterThanOrEqual(3)
      const fill = (path: string, id: string, ref: string) =>
        path
          .replace(/\{(ns|scope)\}/, 'app')
          .replace('{ref}', encodeURIComponent(ref))
          .replace('{id}', id)
      const asked = Object.entries(paths)
        .filter(([, { get }]) => get)
        .flatMap(([path]) =>
          ['http', 'ssh', 'gone'].flatMap((name) =>
            builds.items.map(({ id }) => fill(path.replace(/^\/api\/v1/, ''), id, `${proxy.host}/app/${name}:1`)),
          ),
        )
      const answers = await Promise.all(
        [...new Set(asked)].map(async (path) => {
          const answer = await fetch(`${service.url}/api/v1${path}`, {
            headers: { authorization: `Bearer ${secrets.admin}` },
          })
          return [path, answer.status, await answer.text()] as const
        }),
      )
      expect(answers.filter(([, status]) => status === 200).length).toBeGreaterThan(25)
      expect(answers.flatMap(([path, , text]) => holding(text).map((form) => `${path}: ${form}`))).toEqual([])
      expect([...seen]).toEqual([])
    })
  },
)
