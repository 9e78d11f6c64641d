import { describe, expect, it } from '@jest/globals'
import { apart, argFlags, checkArgs, declared } from '../../../src/build/builders/arg-flags.ts'

describe('build arguments', () => {
  it('go to the command in its environment', () => {
    expect(argFlags({ VERSION: '1=2', EMPTY: '' })).toEqual({
      flags: ['--build-arg', 'VERSION', '--build-arg', 'EMPTY'],
      env: { VERSION: '1=2', EMPTY: '' },
    })
  })

  it.each([
    'PATH',
    'HOME',
    'DOCKER_HOST',
    'DOCKER_CONFIG',
    'BUILDX_BUILDER',
    'http_proxy',
    'NO_PROXY',
    'LD_PRELOAD',
    'GODEBUG',
    'SSL_CERT_FILE',
  ])('called %s change nothing of the command', (name) =>
    expect(argFlags({ [name]: 'x' })).toEqual({ flags: ['--build-arg', `${name}=x`], env: {} }),
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
    expect(declared(builtin, text)).toEqual({ TARGETARCH: 'arm64', TARGETPLATFORM: 'linux/arm64' })
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
