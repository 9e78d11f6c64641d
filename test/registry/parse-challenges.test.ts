import { expect, test } from '@jest/globals'
import { parseChallenges } from '../../src/registry/parse-challenges.ts'

const bearer = (parameters: Record<string, string>) => ({ scheme: 'bearer', parameters })
const basic = (parameters: Record<string, string>) => ({ scheme: 'basic', parameters })

test.each([
  [
    'commas inside quotes',
    'Bearer realm="https://auth.docker.io/token",service="registry, the big one",scope="repository:a/b:pull,push"',
    [
      bearer({
        realm: 'https://auth.docker.io/token',
        service: 'registry, the big one',
        scope: 'repository:a/b:pull,push',
      }),
    ],
  ],
  [
    'several challenges in one header',
    'Basic realm="a, b", Bearer realm="https://x/t", service=y',
    [basic({ realm: 'a, b' }), bearer({ realm: 'https://x/t', service: 'y' })],
  ],
  ['escaped quotes', 'Basic realm="the \\"inner\\" one"', [basic({ realm: 'the "inner" one' })]],
  [
    'names in any case, spaces around =',
    'BEARER Realm = "https://x" , SERVICE=y',
    [bearer({ realm: 'https://x', service: 'y' })],
  ],
  ['an unquoted address', 'Bearer realm=https://x/t,service=y', [bearer({ realm: 'https://x/t', service: 'y' })]],
  ['a scheme alone', 'Negotiate, Basic realm=x', [{ scheme: 'negotiate', parameters: {} }, basic({ realm: 'x' })]],
  [
    'credentials instead of parameters',
    'Negotiate YWJj=, Basic realm=x',
    [{ scheme: 'negotiate', parameters: {} }, basic({ realm: 'x' })],
  ],
  ['an empty value', 'Bearer realm="https://x",scope=""', [bearer({ realm: 'https://x', scope: '' })]],
  ['nothing', '', []],
  ['commas alone', ' , ,', []],
  ['what is none', '="x" ??? "', []],
  ['an open quote', 'Basic realm="x', [basic({})]],
])('%s', (_, header, challenges) => {
  expect(parseChallenges(header)).toEqual(challenges)
})
