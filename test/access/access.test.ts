import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { judge, levelOf, mayIn, mayRead, namespaceNeeds, type Standing } from '../../src/access/access.ts'
import { bootstrap, nobody, type Principal, personCalled } from '../../src/access/principal.ts'
import { levels, parseScope, scopesAllow, scopesWithin } from '../../src/access/scopes.ts'

const scope = fc
  .tuple(fc.constantFrom(...levels), fc.constantFrom('', ':a', ':b', ':host/a'))
  .map(([level, ns]) => `${level}${ns}`)
const scopes = fc.array(scope, { maxLength: 3 })
const key = fc.constantFrom('a', 'b', 'host/a', null)
const standing: fc.Arbitrary<Standing> = fc.record({
  role: fc.constantFrom('viewer', 'contributor', 'owner', null),
  visibility: fc.constantFrom('private', 'protected', 'public', null),
})
const principal: fc.Arbitrary<Principal> = fc.record({
  name: fc.constant('p'),
  via: fc.constantFrom('token:1', 'session', 'portus'),
  admin: fc.boolean(),
  scopes,
})
const need = fc.constantFrom(...namespaceNeeds)

describe('scopes', () => {
  test.each(['', 'write', 'read:', 'read: a', 'READ', 'read:a b', ' read', 'build:\n'])('%j is none', (text) => {
    expect(parseScope(text)).toBeNull()
    expect(scopesAllow([text], 'read', 'a')).toBe(false)
  })
  test('what a token gives never allows more than the token', () => {
    fc.assert(
      fc.property(scopes, scopes, fc.constantFrom(...levels), key, (held, wanted, level, ns) => {
        fc.pre(scopesWithin(wanted, held))
        expect(scopesAllow(wanted, level, ns) && !scopesAllow(held, level, ns)).toBe(false)
      }),
    )
  })
  test('a narrowed token gives none that is not narrowed', () => {
    fc.assert(fc.property(scopes, (held) => expect(scopesWithin([], held)).toBe(held.length === 0)))
  })
})

describe('who may what', () => {
  test('nobody changes what they may not read, and a role holds what is below it', () => {
    fc.assert(
      fc.property(principal, need, key, standing, (p, n, ns, s) => {
        const may = mayIn(p, n, ns, s, levelOf(n, 'put'))
        if (may) expect(mayRead(p, ns, s)).toBe(true)
        if (may && s.role !== 'owner') expect(mayIn(p, n, ns, { ...s, role: 'owner' }, levelOf(n, 'put'))).toBe(true)
      }),
    )
  })
  test('scopes only ever take away', () => {
    fc.assert(
      fc.property(principal, need, key, standing, (p, n, ns, s) => {
        const level = levelOf(n, 'put')
        if (mayIn(p, n, ns, s, level)) expect(mayIn({ ...p, scopes: [] }, n, ns, s, level)).toBe(true)
      }),
    )
  })
  test('a namespace nobody knows is hidden from all but admins', () => {
    const unknown = () => ({ role: null, visibility: null })
    for (const n of namespaceNeeds) {
      expect(judge(personCalled('p'), n, 'read', ['a'], unknown)).toBe('hidden')
      expect(judge(personCalled('p', true), n, 'read', ['a'], unknown)).toBe('pass')
      expect(judge(bootstrap, n, 'read', [], unknown)).toBe('hidden')
    }
  })
  test('of several namespaces one is enough to read, and all are needed to change', () => {
    const roles: Record<string, Standing> = {
      a: { role: 'contributor', visibility: 'private' },
      b: { role: null, visibility: 'public' },
      c: { role: null, visibility: 'private' },
    }
    const of = (ns: string) => roles[ns]!
    const p = personCalled('p')
    expect(judge(p, 'read', 'read', ['a', 'c'], of)).toBe('pass')
    expect(judge(p, 'build', 'build', ['a'], of)).toBe('pass')
    expect(judge(p, 'build', 'build', ['a', 'b'], of)).toBe('forbidden')
    expect(judge(p, 'build', 'build', ['a', 'c'], of)).toBe('forbidden')
    expect(judge(p, 'build', 'build', ['c'], of)).toBe('hidden')
    expect(judge(p, 'build', 'build', [null], of)).toBe('forbidden')
  })
  test('who shows nothing reads what is public alone', () => {
    fc.assert(
      fc.property(fc.constantFrom('a', 'b'), standing, (ns, s) => {
        expect(mayRead(nobody, ns, s)).toBe(s.visibility === 'public')
      }),
    )
  })
})
