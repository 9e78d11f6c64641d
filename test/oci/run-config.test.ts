import { describe, expect, test } from '@jest/globals'
import { releaseId } from '../../src/oci/run-config.ts'

const layers = [`sha256:${'a'.repeat(64)}`]
const full = {
  Env: ['PATH=/bin', 'A=1'],
  Entrypoint: ['/run'],
  Cmd: ['serve', '--now'],
  User: 'app',
  WorkingDir: '/srv',
  ExposedPorts: { '80/tcp': {}, '443/tcp': {} },
  Volumes: { '/data': {} },
  StopSignal: 'SIGINT',
  Healthcheck: { Test: ['CMD', 'true'], Interval: 1000 },
  OnBuild: ['RUN x'],
  Shell: ['/bin/bash', '-c'],
}

describe('releaseId', () => {
  test.each([
    ['Labels', { ...full, Labels: { a: 'b' } }],
    ['what only the build host knew', { ...full, Image: 'sha256:1', Hostname: 'x', AttachStdin: true }],
    ['the order of Env', { ...full, Env: ['A=1', 'PATH=/bin'] }],
    ['an Env line that a later one overrides', { ...full, Env: ['A=0', 'PATH=/bin', 'A=1'] }],
    ['the order of ports', { ...full, ExposedPorts: { '443/tcp': {}, '80/tcp': {} } }],
    ['a zero in the healthcheck', { ...full, Healthcheck: { Interval: 1000, Retries: 0, Test: ['CMD', 'true'] } }],
  ])('is the same whatever is said of %s', (_, config) => {
    expect(releaseId(layers, config)).toBe(releaseId(layers, full))
  })

  test.each([
    ['Env', { Env: ['PATH=/bin'] }],
    ['Env', { Env: ['PATH=/bin', 'A=2'] }],
    ['Env', { Env: ['PATH=/bin', 'A='] }],
    ['Entrypoint', { Entrypoint: ['/go'] }],
    ['Cmd', { Cmd: ['--now', 'serve'] }],
    ['User', { User: '0' }],
    ['WorkingDir', { WorkingDir: '/' }],
    ['ExposedPorts', { ExposedPorts: { '80/tcp': {} } }],
    ['Volumes', { Volumes: { '/var': {} } }],
    ['StopSignal', { StopSignal: 'SIGTERM' }],
    ['Healthcheck', { Healthcheck: { Test: ['CMD', 'false'], Interval: 1000 } }],
    ['OnBuild', { OnBuild: [] }],
    ['Shell', { Shell: null }],
  ])('differs with %s', (_, change) => {
    expect(releaseId(layers, { ...full, ...change })).not.toBe(releaseId(layers, full))
  })

  test.each([
    null,
    undefined,
    {},
    { Env: null },
    { Cmd: [] },
    { Volumes: {} },
    { User: '' },
    { Healthcheck: { Test: [] } },
  ])('nothing said is nothing said: %j', (config) => {
    expect(releaseId(layers, config)).toBe(releaseId(layers, {}))
  })

  test('an empty variable is not an absent one', () => {
    expect(releaseId(layers, { Env: ['A='] })).not.toBe(releaseId(layers, {}))
    expect(releaseId(layers, { Env: ['A'] })).not.toBe(releaseId(layers, { Env: ['A='] }))
  })

  test('differs with the layers', () => {
    expect(releaseId([], full)).not.toBe(releaseId(layers, full))
  })
})
