import { describe, expect, test } from '@jest/globals'
import { EmailAddress, PutMember, PutUser, UserName } from '../../src/people/person.ts'

describe('an address', () => {
  test.each([
    'ada@example.org',
    'ada+drydock@mail.example.org',
    'root@localhost',
    "o'brien@example.org",
    'a@xn--bcher-kva.example',
  ])('%s is one', (address) => {
    expect(EmailAddress.parse(address)).toBe(address)
  })

  test.each([
    'ada',
    'ada@',
    '@example.org',
    'ada@example.org\n',
    'ada@example.org\r\nBcc: all@example.org',
    'ada@example.org,bob@example.org',
    'ada@example.org bob@example.org',
    'ada@example.org;bob@example.org',
    'Ada <ada@example.org>',
    '"ada"@example.org',
    'ada@exa mple.org',
    'ada@example..org',
    ' ada@example.org',
    `${'a'.repeat(250)}@example.org`,
    '',
  ])('%j is none', (text) => {
    expect(EmailAddress.safeParse(text).success).toBe(false)
  })
})

test('what is left out of a user is not said', () => {
  expect(PutUser.parse({ email: 'ada@example.org' })).toEqual({ email: 'ada@example.org' })
})

test.each([
  { email: 'ada@example.org', displayName: 'Ada\r\nBcc: all@example.org' },
  { email: 'ada@example.org', owner: true },
  { displayName: 'Ada' },
])('%j is no user', (body) => {
  expect(PutUser.safeParse(body).success).toBe(false)
})

test.each([{ role: 'admin' }, {}, { role: 'owner', email: 'a\n@b' }])('%j is no member', (body) => {
  expect(PutMember.safeParse(body).success).toBe(false)
})

test.each([
  ['ada', true],
  ['ada@example.org', true],
  ['Ädä', true],
  ['', false],
  ['Ada King Lovelace', true],
  [' a', false],
  ['a ', false],
  ['a  b', false],
  ['a\u00a0b', false],
  ['a\tb', false],
  [' ', false],
  ['a/b', false],
  ['a\n', false],
])('%j as a user name: %s', (name, fits) => {
  expect(UserName.safeParse(name).success).toBe(fits)
})
