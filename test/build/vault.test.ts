import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { makeVault } from '../../src/build/vault.ts'

const vault = makeVault('a secret key')

describe('the vault', () => {
  it('opens what it sealed, and seals the same twice differently', () => {
    fc.assert(fc.property(fc.string(), (text) => vault.open(vault.seal(text)) === text))
    expect(vault.seal('x')).not.toBe(vault.seal('x'))
    expect(makeVault('a secret key').open(vault.seal('x'))).toBe('x')
  })

  it('shows nothing of what it sealed', () => {
    expect(Buffer.from(vault.seal('s3cret s3cret'), 'base64').toString('latin1')).not.toContain('s3cret')
  })

  it('refuses every change of a single byte', () => {
    const sealed = Buffer.from(vault.seal('{"password":"s3cret"}'), 'base64')
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed)
      changed[i] = changed[i]! ^ 1
      expect(() => vault.open(changed.toString('base64'))).toThrow(expect.objectContaining({ name: 'VaultError' }))
    }
  })

  it('refuses another key, and what is no seal', () => {
    expect(() => makeVault('another').open(vault.seal('x'))).toThrow(expect.objectContaining({ code: 'vault-key' }))
    expect(() => vault.open('x')).toThrow(expect.objectContaining({ code: 'vault-format' }))
  })
})
