import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { makeRegistries, RegistryConfigError } from '../../src/registry/registries.ts'

const log = pino({ level: 'silent' })

test('a client is found by the host in references, Docker Hub under any of its names', () => {
  const registries = makeRegistries(
    [
      { name: 'localhost:5000', url: 'http://127.0.0.1:5000', insecure: false },
      { name: 'docker.io', url: 'https://registry-1.docker.io', insecure: false },
    ],
    log,
  )
  const [local, hub] = registries.all()
  expect([local!.name, hub!.name]).toEqual(['localhost:5000', 'docker.io'])
  expect(registries.byName('LOCALHOST:5000')).toBe(local!.client)
  expect(registries.byName('index.docker.io')).toBe(hub!.client)
  expect(registries.byName('ghcr.io')).toBeNull()
  registries.close()
})

describe('an address', () => {
  test.each([
    ['http://127.0.0.1:5000', false, true],
    ['http://127.1.2.3', false, true],
    ['http://localhost:5000', false, true],
    ['http://[::1]:5000', false, true],
    ['https://registry.example.org', false, true],
    ['http://registry.example.org', true, true],
    ['http://registry.example.org', false, false],
    ['http://127.0.0.1.example.org', false, false],
    ['http://localhost.example.org', false, false],
    ['ftp://localhost', true, false],
    ['https://user:secret@registry.example.org', true, false],
    ['registry.example.org', true, false],
  ])('%s, insecure %s: allowed %s', (url, insecure, allowed) => {
    const make = () => makeRegistries([{ name: 'r', url, insecure }], log).close()
    if (allowed) expect(make).not.toThrow()
    else expect(make).toThrow(RegistryConfigError)
  })

  test('that is refused is not repeated where it may hold a password', () => {
    const config = { name: 'r', url: 'https://user:secret@registry.example.org', insecure: false }
    expect(() => makeRegistries([config], log)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    )
  })
})

test('certificates that cannot be read are told at once', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ca-'))
  try {
    const config = { name: 'r', url: 'https://registry.example.org', insecure: false, caFile: join(dir, 'none.pem') }
    expect(() => makeRegistries([config], log)).toThrow(RegistryConfigError)
    writeFileSync(join(dir, 'none.pem'), '')
    expect(() => makeRegistries([config], log).close()).not.toThrow()
  } finally {
    rmSync(dir, { recursive: true })
  }
})
