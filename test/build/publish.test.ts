import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { restoreTag } from '../../src/build/restore.ts'
import { type SmallRegistry, startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { requires } from '../support/requires.ts'
import { learnTags } from './world.ts'

requires(
  'docker',
  'git',
  'klibc',
)('what a build with Docker publishes', () => {
  let registry: SmallRegistry
  let e: DockerEstate
  const dockerfile = (line = '') => ({
    Dockerfile: `FROM ${e.ref('lib/base:1')}\nLABEL own=yes\nRUN echo a > /a\n${line}`,
  })

  beforeAll(async () => {
    registry = await startSmallRegistry()
    e = await dockerEstate(registry)
    const credential = { kind: 'git', urlPrefix: `${e.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(e.d, 'app', 'ci', CredentialInput.parse(credential))
    await e.pushBase('lib/base:1', 'one')
  })
  afterAll(async () => {
    await e.close()
    await registry.close()
  })

  it('is one plain OCI manifest that says where it comes from, in annotations and not in labels', async () => {
    const base = await e.at('lib/base', '1')
    const { row } = await e.build('app/run:1', dockerfile())
    expect(row).toMatchObject({ state: 'succeeded', error: null, previous: null })
    const stored = (await e.at('app/run', '1'))!
    expect(stored.digest).toBe(row.digest)
    expect(stored.mediaType).toBe('application/vnd.oci.image.manifest.v1+json')
    expect(stored.body.config?.mediaType).toBe('application/vnd.oci.image.config.v1+json')
    for (const layer of stored.body.layers!) expect(layer.mediaType).toMatch(/^application\/vnd\.oci\.image\.layer/)
    expect(stored.body.annotations).toEqual({
      'org.opencontainers.image.base.name': e.ref('lib/base:1'),
      'org.opencontainers.image.base.digest': base!.digest,
      'org.opencontainers.image.source': `${e.git.origin}/app-run-1.git`,
      'org.opencontainers.image.revision': row.commit,
      'dev.drydock.build': row.id,
      'dev.drydock.cause': 'manual',
      'dev.drydock.recipe': '{"strategy":"dockerfile","context":".","dockerfile":"Dockerfile"}',
    })
    const config = (await e.config('app/run', stored.body.config!.digest)) as { config: { Labels: object } }
    expect(config.config.Labels).toEqual({ own: 'yes' })
    expect(await e.tags('app/run')).toEqual(['1'])
  })

  it('is believed: build evidence and annotation agree', async () => {
    const tag = await e.d.db.tag.findUniqueOrThrow({ where: { ref: e.ref('app/run:1') } })
    const [platform] = tag.platforms as { bases: { ref: string; evidence: string[]; confidence: string }[] }[]
    expect(platform?.bases).toMatchObject([{ ref: e.ref('lib/base:1'), confidence: 'declared' }])
    expect(platform?.bases[0]?.evidence).toEqual(expect.arrayContaining(['build', 'annotation']))
    expect([tag.status, tag.disagreements]).toEqual(['current', []])
  })

  it('names the digest where the FROM does, and no base from scratch', async () => {
    const base = await e.at('lib/base', '1')
    const pinned = `${e.ref('lib/base:1')}@${base!.digest}`
    await e.build('app/pinned:1', { Dockerfile: `FROM ${pinned}\nRUN echo p > /p\n` })
    expect((await e.at('app/pinned', '1'))?.body.annotations?.['org.opencontainers.image.base.name']).toBe(pinned)
    await e.build('app/scratch:1', { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' })
    const said = Object.keys((await e.at('app/scratch', '1'))?.body.annotations ?? {})
    expect(said.filter((key) => key.includes('.base.'))).toEqual([])
    expect(said).toContain('org.opencontainers.image.source')
  })

  it('keeps what the tag was under TAG-prev, which is nobody’s concern, and puts it back by one call', async () => {
    const before = (await e.at('app/run', '1'))!.digest
    const base = await e.pushBase('lib/base:1', 'two')
    const { row } = await e.build('app/run:1', dockerfile(), { auto: true })
    expect(row).toMatchObject({ state: 'succeeded', previous: before, bases: [{ digest: base }] })
    expect((await e.at('app/run', '1-prev'))?.digest).toBe(before)
    await learnTags(e.d, [e.ref('app/run:1-prev')])
    const kept = await e.d.db.tag.findUniqueOrThrow({ where: { ref: e.ref('app/run:1-prev') } })
    expect(kept.ignored).toMatchObject({ rule: 'previous', scope: e.ref('app/run:1') })

    expect(await restoreTag(e.d, e.ref('app/run:1'))).toMatchObject({
      kind: 'restored',
      moved: [
        { ref: e.ref('app/run:1'), from: row.digest, to: before },
        { ref: e.ref('app/run:1-prev'), from: before, to: row.digest },
      ],
    })
    expect((await e.at('app/run', '1'))?.digest).toBe(before)
    expect((await e.at('app/run', '1-prev'))?.digest).toBe(row.digest)
    expect(await e.d.db.tag.findUniqueOrThrow({ where: { ref: e.ref('app/run:1') } })).toMatchObject({
      status: 'outdated',
    })
    await plan(e.d)
    expect(await e.d.db.build.count({ where: { ref: e.ref('app/run:1'), state: 'queued' } })).toBe(0)

    await e.pushBase('lib/base:1', 'three')
    await plan(e.d)
    expect(await e.d.db.build.count({ where: { ref: e.ref('app/run:1'), state: 'queued' } })).toBe(1)
    await e.pg.sql`delete from build where state = 'queued'`
  })

  it('has nothing to put back where nothing is kept', async () => {
    expect(await restoreTag(e.d, e.ref('app/none:1'))).toEqual({ kind: 'no-such-tag' })
    await e.build('app/lean:1', { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' }, { keepPrevious: false })
    await e.build('app/lean:1', { Dockerfile: 'FROM scratch\nCOPY Dockerfile /x\n' }, { keepPrevious: false })
    expect(await restoreTag(e.d, e.ref('app/lean:1'))).toEqual({ kind: 'no-previous' })
    expect(await e.tags('app/lean')).toEqual(['1'])
  })

  it('does not become the tag where its own check fails', async () => {
    const verify = ['/bin/sh', '-c', 'echo checked $(cat /state); exec /bin/sh -c "$(cat /state)"']
    const state = (text: string) => ({ Dockerfile: `FROM ${e.ref('lib/base:1')}\nRUN echo '${text}' > /state\n` })
    const good = await e.build('app/tried:1', state('exit 0'), { verify })
    expect(good.row).toMatchObject({ state: 'succeeded', error: null })
    expect(good.log).toContain('checked exit 0')
    const bad = await e.build('app/tried:1', state('exit 3'), { verify })
    expect(bad.row).toMatchObject({ state: 'failed', digest: null, error: { code: 'verify-failed' } })
    expect(bad.log).toContain('checked exit 3')
    expect((await e.at('app/tried', '1'))?.digest).toBe(good.row.digest)
    expect(await e.tags('app/tried')).toEqual(['1'])
    expect((await e.daemon.docker('ps', '--all', '--quiet')).trim()).toBe('')
  })

  it('stands under the candidate tag first, and stays there alone where the check fails', async () => {
    const files = (text: string) => ({ Dockerfile: `FROM ${e.ref('lib/base:1')}\nRUN echo ${text} > /v\n` })
    const recipe = (code: number) => ({ pushTo: '1-next', verify: ['/bin/sh', '-c', `exit ${code}`] })
    const good = await e.build('app/next:1', files('one'), recipe(0))
    expect((await e.at('app/next', '1-next'))?.digest).toBe(good.row.digest)
    expect((await e.at('app/next', '1'))?.digest).toBe(good.row.digest)
    const bad = await e.build('app/next:1', files('two'), recipe(1))
    expect(bad.row).toMatchObject({ state: 'failed', error: { code: 'verify-failed' } })
    expect((await e.at('app/next', '1'))?.digest).toBe(good.row.digest)
    expect((await e.at('app/next', '1-next'))?.digest).not.toBe(good.row.digest)
    await learnTags(e.d, [e.ref('app/next:1-next')])
    const candidate = await e.d.db.tag.findUniqueOrThrow({ where: { ref: e.ref('app/next:1-next') } })
    expect(candidate.ignored).toMatchObject({ rule: 'candidate', scope: e.ref('app/next:1') })
  })

  it('is an index where the recipe names several platforms, each on its own', async () => {
    const files = { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\nENV A=1\n' }
    const { row } = await e.build('app/many:1', files, { platforms: ['linux/amd64', 'linux/arm64'] })
    expect(row).toMatchObject({ state: 'succeeded', error: null })
    const index = (await e.at('app/many', '1'))!
    expect([index.digest, index.mediaType]).toEqual([row.digest, 'application/vnd.oci.image.index.v1+json'])
    expect(index.body.annotations).toMatchObject({ 'dev.drydock.build': row.id })
    expect(index.body.manifests?.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64' },
    ])
    for (const { digest, platform } of index.body.manifests!) {
      const { body } = (await e.at('app/many', digest))!
      expect(body.annotations).toMatchObject({ 'org.opencontainers.image.revision': row.commit })
      expect(await e.config('app/many', body.config!.digest)).toMatchObject({ architecture: platform.architecture })
    }
    expect(await e.tags('app/many')).toEqual(['1'])
    expect((await e.daemon.docker('images', '--format', '{{.Repository}}')).trim()).not.toContain('drydock-build')
  })

  it('builds the stage it is told to, and counts what that stage needs', async () => {
    const Dockerfile = `FROM ${e.ref('lib/base:1')} AS small\nRUN echo s > /s\nFROM scratch AS other\nCOPY --from=small /s /o\n`
    const { row } = await e.build('app/stage:1', { Dockerfile }, { target: 'small' })
    expect(row).toMatchObject({ state: 'succeeded', bases: [{ name: e.ref('lib/base:1'), role: 'runtime' }] })
    const missing = await e.build('app/stage:1', { Dockerfile }, { target: 'none' })
    expect(missing.row).toMatchObject({ state: 'failed', error: { code: 'target-absent' } })
  })
})

requires(
  'docker',
  'buildkit',
  'git',
  'klibc',
)('what a build with BuildKit publishes', () => {
  let registry: SmallRegistry
  let e: DockerEstate

  beforeAll(async () => {
    registry = await startSmallRegistry()
    e = await dockerEstate(registry, undefined, 'buildkit')
    const credential = { kind: 'git', urlPrefix: `${e.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(e.d, 'app', 'ci', CredentialInput.parse(credential))
    await putCredential(e.d, 'app', 'npm', CredentialInput.parse({ kind: 'secret', password: 'sec-ret-of-npm' }))
    await e.pushBase('lib/base:1', 'one')
  })
  afterAll(async () => {
    await e.close()
    await registry.close()
  })

  it('knew its secrets while it ran, and holds them nowhere', async () => {
    const Dockerfile = `FROM ${e.ref('lib/base:1')}\nRUN --mount=type=secret,id=npm cat /run/secrets/npm && echo > /seen\n`
    const { row, log } = await e.build('app/secret:1', { Dockerfile }, { secrets: [{ id: 'npm', credential: 'npm' }] })
    expect(row).toMatchObject({ state: 'succeeded', error: null })
    expect(log).toContain('***')
    const config = (await e.at('app/secret', '1'))!.body.config!.digest
    expect(JSON.stringify([log, await e.config('app/secret', config)])).not.toContain('sec-ret-of-npm')
  })

  it('takes each platform’s own base, and does not build what the target does not need', async () => {
    const Dockerfile = [
      '# syntax is not needed: this cache mount asks for BuildKit',
      `FROM ${e.ref('lib/none:1')} AS unused`,
      'FROM scratch AS wanted',
      'ARG TARGETARCH',
      'COPY Dockerfile /$TARGETARCH',
      `FROM ${e.ref('lib/base:1')} AS last`,
      'RUN --mount=type=cache,target=/cache echo',
      '',
    ].join('\n')
    const platforms = ['linux/arm64', 'linux/amd64']
    const { row } = await e.build('app/many:1', { Dockerfile }, { platforms, target: 'wanted' })
    expect(row).toMatchObject({ state: 'succeeded', error: null, bases: [] })
    const index = (await e.at('app/many', '1'))!
    expect(index.body.manifests?.map(({ platform }) => platform.architecture)).toEqual(['arm64', 'amd64'])
  })
})
