import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { apart } from '../../src/build/builders/arg-flags.ts'
import { docker } from '../../src/build/builders/docker-cli.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import type { Deps } from '../../src/deps.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { pushManifest, registryUser, startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'

const words = 'only-the-victim-may-read-this'

/** Drydock's own login is the only one: it pulls for a namespace what is public or its own. */
const withLogin = (d: Deps): Deps => {
  const registries = d.config.registries.map((one) => ({ ...one, ...registryUser }))
  d.registries.close()
  return { ...d, config: { ...d.config, registries }, registries: makeRegistries(registries, d.log) }
}

describe.each(['legacy', 'buildkit'] as const)('on one daemon with the %s builder', (engine) => {
  const parts = ['docker', 'docker-registry', 'git', 'klibc'] as const
  requires(...parts, ...(engine === 'buildkit' ? (['buildkit'] as const) : []))('two namespaces', () => {
    let registry: TestRegistry
    let e: DockerEstate
    let dir: string
    let own: string
    /** the victim's content as the daemon holds it: by digest, and its id there */
    let digest: Digest
    let id: string
    let traps = 0

    beforeAll(async () => {
      registry = await startDebianRegistry({ auth: 'htpasswd' })
      e = await dockerEstate(registry, withLogin, engine)
      dir = mkdtempSync(join(tmpdir(), 'tenants-'))
      await e.daemon.docker(
        'login',
        '--username',
        registryUser.username,
        '--password',
        registryUser.password,
        registry.host,
      )
      for (const namespace of ['victim', 'mallory'])
        for (const [name, password] of [
          ['ci', 's3cret'],
          ['key', `secret-of-${namespace}`],
        ] as const) {
          const input =
            name === 'ci'
              ? { kind: 'git', urlPrefix: `${e.git.origin}/`, username: 'ci', password }
              : { kind: 'secret', password }
          await putCredential(e.d, namespace, name, CredentialInput.parse(input))
        }
      await e.d.db.namespace.create({ data: { key: 'lib', visibility: 'public' } })
      digest = await e.pushBase('victim/secret:1', words)
      await e.daemon.docker('image', 'rm', e.ref('victim/secret:1'))
      await e.pushBase('lib/base:1', 'public')
      await e.pushBase('mallory/base:1', 'own')
      own = e.ref('mallory/base:1')
      const { row } = await e.build('victim/app:1', { Dockerfile: `FROM ${e.ref('victim/secret:1')}\nRUN true\n` })
      expect(row).toMatchObject({ state: 'succeeded', error: null })
      id = (
        await e.daemon.docker('image', 'inspect', '--format', '{{.Id}}', `${e.ref('victim/secret')}@${digest}`)
      ).trim()
      // The hole itself: the daemon gives it to whoever names it.
      expect(id).toMatch(/^sha256:[0-9a-f]{64}$/)
    })
    afterAll(async () => {
      await e.close()
      await registry.close()
      rmSync(dir, { recursive: true, force: true })
    })

    /** Makes a base of mallory's own whose Dockerfile goes on with these lines, and gives its name. */
    const base = async (lines: string): Promise<string> => {
      const name = e.ref(`mallory/trap:${++traps}`)
      writeFileSync(join(dir, 'Dockerfile'), `FROM ${own}\n${lines}\n`)
      await e.daemon.docker('build', '--quiet', '--tag', name, dir)
      await e.daemon.docker('push', name)
      return name
    }
    const attack = async (text: string, recipe: object = {}) => {
      // A command before 23 uses BuildKit where it must.
      const Dockerfile = engine === 'buildkit' ? `${text}\nRUN --mount=type=tmpfs,target=/t true\n` : text
      const { row, log } = await e.build('mallory/app:1', { Dockerfile }, recipe)
      expect(log).not.toContain(words)
      return { row, log, code: (row.error as { code: string } | null)?.code ?? null }
    }

    const read = 'RUN cat /stolen\n'
    type Known = { own: string; id: string; ref: string; digest: string }
    const attacks: [string, (known: Known) => string, string][] = [
      ['by a short id', ({ id }) => `FROM ${id.slice(7, 19)}\nRUN cat /release\n`, 'base-invalid'],
      ['by digest', ({ ref, digest }) => `FROM ${ref}@${digest}\nRUN cat /release\n`, 'base-denied'],
      [
        'by digest, copied',
        ({ own, ref, digest }) => `FROM ${own}\nCOPY --from=${ref}@${digest} /release /stolen\n${read}`,
        'base-denied',
      ],
      [
        'by digest in a repository of its own',
        ({ own, digest }) => `FROM ${own.replace(/:1$/, '')}@${digest}\nRUN cat /release\n`,
        'base-absent',
      ],
      [
        'by an id after a vertical tab',
        ({ own, id }) => `FROM ${own}\n\vCOPY --from=${id} /release /stolen\n${read}`,
        'dockerfile-invalid',
      ],
      [
        'by an id after a no-break space',
        ({ own, id }) => `FROM ${own}\n\u00a0COPY --from=${id} /release /stolen\n${read}`,
        'dockerfile-invalid',
      ],
      [
        'after an escape and a blank',
        ({ own, id }) => `FROM ${own}\n\\\n\u2003COPY --from=${id} /release /stolen\n${read}`,
        'dockerfile-invalid',
      ],
      [
        'in a heredoc that is none here',
        ({ own, id }) => `FROM ${own}\nRUN <<USER\nCOPY --from=${id} /release /stolen\n${read}USER\n`,
        'dockerfile-invalid|buildkit-absent',
      ],
      [
        'behind a doubled escape',
        ({ own, id }) => `FROM ${own}\nENV A=b\\\\\nCOPY --from=${id} /release /stolen\n${read}`,
        'base-invalid',
      ],
      ['with a foreign frontend', ({ own }) => `# syntax=${own}\nFROM ${own}\n`, 'frontend-refused|buildkit-absent'],
    ]
    it.each(attacks)('reads nothing of the other: %s', async (_name, text, wanted) => {
      const { row, code } = await attack(text({ own, id, digest, ref: e.ref('victim/secret') }))
      expect(row).toMatchObject({ state: 'failed', digest: null })
      expect(code).toMatch(new RegExp(`^(${wanted})`))
    })

    it('reads nothing of the other through triggers of its own base', async () => {
      for (const name of [id, 'victims']) {
        const { row, code } = await attack(
          `FROM ${await base(`ONBUILD COPY --from=${name} /release /stolen`)}\n${read}`,
        )
        expect(row).toMatchObject({ state: 'failed', digest: null })
        expect(code).toBe('onbuild-refused')
      }
      const denied = await attack(
        `FROM ${await base(`ONBUILD COPY --from=${e.ref('victim/secret')}@${digest} /release /stolen`)}\n${read}`,
      )
      expect(denied.code).toBe('base-denied')
      const inside = await attack(`FROM ${own} AS x\nONBUILD COPY --from=${id} /release /stolen\nFROM x\n${read}`)
      expect(inside.code).toBe('onbuild-refused')
    })

    /** Puts mallory's base once more with other words in its config, and gives an entry for an index. */
    const variant = async (config: object, of: object) => {
      const found = (await e.at('mallory/base', '1'))!
      const given = await e.config('mallory/base', found.body.config!.digest)
      const bytes = Buffer.from(JSON.stringify({ ...given, ...of, config: { ...(given.config as object), ...config } }))
      const digest = digestOf(bytes)
      await e.client.uploadBlob('mallory/base', digest, bytes)
      const body = { ...found.body, config: { ...found.body.config, digest, size: bytes.length } }
      const { mediaType } = found
      const made = await pushManifest(
        e.client,
        'mallory/base',
        digestOf(Buffer.from(JSON.stringify(body))),
        body,
        mediaType,
      )
      return { mediaType, digest: made, size: Buffer.byteLength(JSON.stringify(body)) }
    }
    const index = async (tag: string, manifests: object[]): Promise<string> => {
      const mediaType = 'application/vnd.docker.distribution.manifest.list.v2+json'
      await pushManifest(e.client, 'mallory/base', tag, { schemaVersion: 2, mediaType, manifests }, mediaType)
      return e.ref(`mallory/base:${tag}`)
    }

    it('reads nothing of the other through an index that has a platform only nearly', async () => {
      const amd64 = { os: 'linux', architecture: 'amd64' }
      const steal = { OnBuild: [`COPY --from=${e.ref('victim/secret')}@${digest} /release /stolen`] }
      const clean = await variant({}, amd64)
      const trap = await variant(steal, { architecture: 'arm64' })
      const hidden = await variant(steal, amd64)
      const near = await index('near', [
        { ...clean, platform: amd64 },
        { ...trap, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      ])
      const platforms = `FROM --platform=linux/amd64/v3 ${near} AS c\nFROM --platform=linux/arm64/v9 ${near} AS t\n`
      const both = await attack(
        `${platforms}FROM ${own}\nCOPY --from=c /release /c\nCOPY --from=t /stolen /stolen\n${read}`,
      )
      expect(both.code).toBe('base-denied')
      const nameless = await index('nameless', [clean, { ...hidden, platform: { ...amd64, variant: 'v2' } }])
      const second = await attack(`FROM --platform=linux/amd64/v3 ${nameless}\n${read}`)
      expect(second.code).toBe('base-denied')
      const none = await attack(`FROM --platform=linux/s390x ${near}\n${read}`)
      expect(none.code).toBe('platform-absent')
    })

    it('builds on what a platform can run where an index has not that very one', async () => {
      const amd64 = { os: 'linux', architecture: 'amd64' }
      const clean = await variant({}, amd64)
      const name = await index('older', [{ ...clean, platform: amd64 }])
      const { row } = await attack(
        `FROM --platform=linux/amd64/v3 ${name} AS c\nFROM ${own}\nCOPY --from=c /release /c\n`,
      )
      expect(row).toMatchObject({ state: 'succeeded', error: null })
    })

    it('names a base whose config is too large to be read', async () => {
      const large = await variant({ Labels: { a: 'x'.repeat(1_200_000) } }, {})
      const { code } = await attack(`FROM ${own.replace(/:1$/, '')}@${large.digest}\nRUN true\n`)
      expect(code).toBe('base-invalid')
    })

    it('lets nobody share what is fetched by git', async () => {
      const url = `${e.git.origin}/private.git#main`
      const refused = engine === 'buildkit' ? 'dockerfile-invalid' : 'buildkit-absent'
      expect((await attack(`FROM ${own}\nADD ${url} /src\n`)).code).toBe(refused)
      expect((await attack(`FROM ${await base(`ONBUILD ADD ${url} /src`)}\n${read}`)).code).toBe('onbuild-refused')
      const login = { secrets: [{ id: 'GIT_AUTH_TOKEN', credential: 'key' }] }
      if (engine === 'buildkit') expect((await attack(`FROM ${own}\n`, login)).code).toBe('secret-refused')
    })

    it('gives nobody a frontend or the cache mounts of others by build arguments', async () => {
      const plain = `FROM ${own}\nRUN true\n`
      expect((await attack(plain, { args: { BUILDKIT_SYNTAX: own } })).code).toBe('arg-refused')
      expect((await attack(plain, { args: { BUILDKIT_CACHE_MOUNT_NS: 'x' } })).code).toBe('arg-refused')
    })

    it('does not let a stage that is not built find anything', async () => {
      const later = `FROM ${own} AS t\nRUN cat /release\nFROM ${e.ref('victim/secret')}@${digest} AS u\nFROM $NOTHING\n`
      expect(await attack(later, { target: 't' })).toMatchObject({ code: null, row: { state: 'succeeded' } })
      const before = `FROM ${e.ref('victim/secret')}@${digest} AS u\nFROM ${own} AS t\nRUN true\n`
      const built = await attack(before, { target: 't' })
      expect(built.code).toBe(engine === 'legacy' ? 'base-denied' : null)
    })

    // What a trigger copies from is empty to the BuildKit of 2020.
    const ofTriggers = 'runs triggers that name stages and digests, and records what they were given'
    const runsTriggers = async () => {
      const given = await e.at('mallory/base', '1')
      const named = `${e.ref('mallory/base')}@${given?.digest}`
      const name = await base(`ONBUILD COPY --from=tools /release /tools\nONBUILD COPY --from=${named} /release /given`)
      const text = `FROM ${e.ref('lib/base:1')} AS Tools\nFROM ${name}\nRUN cat /tools /given\n`
      const { row, log } = await attack(text)
      expect(row).toMatchObject({ state: 'succeeded', error: null })
      expect(log).toContain('publicown')
      expect(row.bases).toContainEqual({ name: null, digest: given?.digest, role: 'build', pinned: true })
    }
    if (engine === 'legacy') it(ofTriggers, runsTriggers)

    it('builds what people write', async () => {
      const text = [
        '\uFEFF# a comment\u00a0with a blank',
        `arg BASE=${own}`,
        'ARG KIND=tools',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of a Dockerfile
        'from --platform=$BUILDPLATFORM\t${BASE} AS Tools',
        'ARG TARGETARCH',
        'RUN echo built for $TARGETARCH \\',
        '  # a comment inside',
        '',
        '  && echo é > /tools',
        'FROM $KIND as again',
        'FROM $BASE',
        'MAINTAINER Somebody',
        'LABEL x="a \\',
        '  b"',
        'COPY --from=TOOLS /tools /a',
        'COPY --from=1 /tools /b',
        'ARG WORDS',
        'ARG HTTP_PROXY',
        'RUN cat /a /b; echo "$WORDS"; echo "<<EOF"',
        'HEALTHCHECK NONE',
        '',
      ].join('\r\n')
      const { row, log } = await attack(text, {
        args: { WORDS: 'said = "so"', PATH: '/evil', DOCKER_HOST: 'tcp://h', HTTP_PROXY: '' },
      })
      expect(row).toMatchObject({ state: 'succeeded', error: null })
      expect(log).toMatch(/built for [a-z0-9]+/)
      expect(log).toContain('said = "so"')
    })

    if (engine === 'buildkit') {
      it('keeps cache mounts apart by namespace, whatever their ids', async () => {
        // A rebuild's --no-cache empties them on some daemons: so the flags are tried without it.
        const run = async (namespace: string, command: string) => {
          const text = `FROM ${e.ref('lib/base:1')}\nRUN --mount=type=cache,id=shared,target=/c ${command}\n`
          writeFileSync(join(dir, 'Dockerfile'), text)
          const job = { target: { host: registry.host, repository: `${namespace}/app`, tag: '1', digest: null } }
          const flags = apart({ d: e.d, job: job as Parameters<typeof apart>[0]['job'] })
          const signal = AbortSignal.timeout(600_000)
          const ran = await docker(['build', '--progress', 'plain', ...flags, dir], {
            configDir: dir,
            signal,
            engine: 'buildkit',
          })
          expect(ran).toMatchObject({ code: 0 })
          return ran.stderr
        }
        await run('victim', `echo ${words.toUpperCase()} | cat > /c/x`)
        expect(await run('mallory', 'if [ -e /c/x ]; then cat /c/x; fi; true them')).not.toMatch(/^#\d+ [\d.]+ ONLY/m)
        expect(await run('victim', 'cat /c/x; true again')).toMatch(/^#\d+ [\d.]+ ONLY/m)
      })

      it('runs no step once for two namespaces', async () => {
        const text = `FROM ${e.ref('lib/base:1')}\nRUN --mount=type=secret,id=s cat /run/secrets/s > /s; sleep 3\nRUN echo is; cat /s; echo :\n`
        const recipe = { secrets: [{ id: 's', credential: 'key' }] }
        const both = await Promise.all(
          ['victim/same:1', 'mallory/same:1'].map((name) => e.build(name, { Dockerfile: text }, recipe)),
        )
        for (const [at, { row, log }] of both.entries()) {
          expect(row).toMatchObject({ state: 'succeeded', error: null })
          expect(log).not.toContain(at === 0 ? 'secret-of-mallory' : 'secret-of-victim')
          expect(log).toContain('***:')
        }
      })
    }
  })
})
