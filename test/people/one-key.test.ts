import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'

/** What says a namespace's key by counting registries, which is wrong of those that are not configured. */
const counts = [
  /registries\.length\s*(?:>=?|<=?|={2,3}|!={1,2})\s*[12]\b/,
  /(?<![.\w])namespaceKey\(/,
  /g\.name \|\| '\/' \|\| r\.namespace/,
]

/** Where it is said, and who asks for the one registry that there is, or for how names are written, without a key in mind. */
const allowed = new Set([
  'src/access/key-of-ref.ts',
  'src/people/namespace-key.ts',
  'src/access/tags-read-by.ts', // from keys to repositories, among what is somebody's
  'src/api/names.ts', // how a namespace may be asked for
  'src/api/scope.ts', // how a policy's scope may be written
  'src/people/sources/snapshot-of.ts', // of configured registries alone
  'src/policy/policies.ts', // scopes, with and without a host
  'src/policy/policy-scope.ts', // the same
  'src/scanner/due-looks.ts', // of which registry Portus is
  'src/scanner/posted-layer.ts', // the same
  'src/webhook/authenticate.ts', // whose events these are
])

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => join('src', file))
  .filter((file) => file.endsWith('.ts') && !file.startsWith('src/db/generated'))

const counting = files.filter((file) => {
  const text = readFileSync(file, 'utf8')
  return counts.some((pattern) => pattern.test(text))
})

test('one module says what the key of a namespace is: nobody else counts registries', () => {
  expect(files.length).toBeGreaterThan(500)
  expect(counting.filter((file) => !allowed.has(file))).toEqual([])
})

test('who may count them does', () => {
  expect([...allowed].filter((file) => !counting.includes(file))).toEqual([])
})
