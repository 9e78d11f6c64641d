import { expect, test } from '@jest/globals'
import { nextPlace } from '../../src/ui/next-place.ts'

test.each([
  '/',
  '/account',
  '/mails',
  '/mails?state=kept&cursor=WyJ4Il0',
  '/mails/4b1f8e0e-4f6b-4a38-9f5e-1c7d4f3b2a10',
  '/tags/reg%3A5000%2Fapp%2Frun%3A1',
  '/builds/4b1f8e0e-4f6b-4a38-9f5e-1c7d4f3b2a10',
  '/?base=reg%3A5000%2Flib%2Fbase%3A1&namespace=app',
])('%s is a page to go to', (wanted) => {
  expect(nextPlace(wanted)).toBe(wanted)
})

test.each([
  ...[
    '//evil.test',
    '/\\evil.test',
    '/tags/',
    '/mails/',
    '/mailsx',
    '/mails/a/b',
    '/account?x',
    '/tags/a/b',
    '/tags/..\\x',
    '/?',
    '/?x#y',
    '/? x',
    '/api/v1/me',
    '/sign-out',
  ],
  ...[
    'https://evil.test/',
    'javascript:alert(1)',
    '/tags/a?b',
    `/tags/${'a'.repeat(2000)}`,
    '',
    undefined,
    ['/account'],
    null,
  ],
])('%j is none', (wanted) => {
  expect(nextPlace(wanted)).toBe('/')
})
