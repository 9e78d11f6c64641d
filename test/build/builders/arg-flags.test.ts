import { describe, expect, it } from '@jest/globals'
import { apart, argFlags, checkArgs, checkSecrets } from '../../../src/build/builders/arg-flags.ts'
import { dockerfileReaders } from '../../../src/build/dockerfile-readers.ts'

describe('build arguments', () => {
  it.each(['NPM_TOKEN', 'GitHubToken', 'db_password', 'SIGNING_KEY', 'API_KEY'])(
    'that sound like a secret are in no list of processes: %s',
    (name) => expect(argFlags({ [name]: 'x' })).toEqual({ flags: ['--build-arg', name], env: { [name]: 'x' } }),
  )

  it.each([
    ...['PATH', 'HOME', 'ENV', 'BASH_ENV', 'IFS', 'DOCKER_HOST', 'DOCKER_AUTH_CONFIG', 'BUILDX_BUILDER', 'http_proxy'],
    ...['NO_PROXY', 'LD_PRELOAD', 'LD_AUTH', 'GODEBUG', 'SSL_CERT_FILE', 'NODE_OPTIONS', 'PYTHONPATH', 'PERL5OPT'],
    ...['CONTAINERS_CONF', 'REGISTRY_AUTH_FILE', 'REGISTRY_AUTH', 'GIT_SSH_COMMAND', 'XDG_RUNTIME_DIR', 'AWS_TOKEN'],
    ...['VERSION', 'ANYTHING_NEW', 'SSH_AUTH_SOCK', 'a b_TOKEN'],
  ])('called %s change nothing of the command', (name) =>
    expect(argFlags({ [name]: '1=2' })).toEqual({ flags: ['--build-arg', `${name}=1=2`], env: {} }),
  )

  it.each(['GIT_AUTH_TOKEN', 'GIT_AUTH_HEADER', 'GIT_AUTH_TOKEN.github.com', 'git_auth_header'])(
    'a secret %s is left to a daemon of its own',
    (id) => {
      expect(() => checkSecrets([{ id: 'npm' }, { id }], true)).toThrow(
        expect.objectContaining({ code: 'secret-refused', retryable: false }),
      )
      expect(() => checkSecrets([{ id }], false)).not.toThrow()
      expect(() => checkSecrets([{ id: 'npm' }], true)).not.toThrow()
    },
  )

  it.each([
    ['BUILDKIT_CACHE_MOUNT_NS', 'x'],
    ['BUILDKIT_CACHE_MOUNT_NS', ''],
    ['BUILDKIT_SYNTAX', 'h.io/evil'],
    ['BUILDKIT_SYNTAX', 'docker/dockerfile-evil'],
  ])('%s may not be "%s"', (name, value) =>
    expect(() => checkArgs({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'arg-refused', retryable: false }),
    ),
  )

  it("may name one of Docker's frontends", () =>
    expect(() => checkArgs({ BUILDKIT_SYNTAX: 'docker/dockerfile:1.7', BUILDKIT_INLINE_CACHE: '1' })).not.toThrow())

  it('are given of the platform where the Dockerfile declares them', () => {
    const builtin = { TARGETARCH: 'arm64', TARGETOS: 'linux', TARGETPLATFORM: 'linux/arm64' }
    const text = 'FROM a\narg A=1 TARGETARCH\n ARG TARGETPLATFORM=x\nRUN echo ARG TARGETOS TARGETOSX\n'
    expect(dockerfileReaders.declaredArgs(builtin, text)).toEqual({
      TARGETARCH: 'arm64',
      TARGETPLATFORM: 'linux/arm64',
    })
  })
})

describe('what BuildKit shares', () => {
  const flags = (secretKey: string, repository: string) => {
    const d = { config: { secretKey, registries: [{}] } } as unknown as Parameters<typeof apart>[0]['d']
    const job = { target: { host: 'h.io', repository, tag: '1' } } as unknown as Parameters<typeof apart>[0]['job']
    return apart({ d, job }).join(' ')
  }
  it("is a namespace's own, and nobody else can tell its name", () => {
    expect(flags('key', 'team/a')).toBe(flags('key', 'team/b'))
    expect(
      new Set([flags('key', 'team/a'), flags('key', 'other/a'), flags('key', 'a'), flags('other', 'team/a')]).size,
    ).toBe(4)
    expect(flags('key', 'team/a')).toMatch(
      /^--build-arg BUILDKIT_CACHE_MOUNT_NS=([0-9a-f]{32}) --add-host \1\.drydock\.invalid:127\.0\.0\.1$/,
    )
  })
})
