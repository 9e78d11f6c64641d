import { expect, test } from '@jest/globals'
import { parseNextLink } from '../../src/registry/parse-link.ts'

test.each([
  ['as Distribution writes it', '</v2/_catalog?last=b&n=2>; rel="next"', '/v2/_catalog?last=b&n=2'],
  ['absolute', '<https://r.example/v2/a/tags/list?last=x>; rel="next"', 'https://r.example/v2/a/tags/list?last=x'],
  ['unquoted, in capitals', '<x>;REL=Next', 'x'],
  ['among others, with further parameters', '<a>; rel="prev"; title="b, c", <d>; title="e"; rel="last next"', 'd'],
  ['commas in the address', '</v2/_catalog?last=a,b>; rel="next"', '/v2/_catalog?last=a,b'],
  ['another relation', '<x>; rel="prev"', null],
  ['no relation', '<x>', null],
  ['no address', 'rel="next"', null],
  ['nothing', '', null],
])('%s', (_, header, next) => {
  expect(parseNextLink(header)).toBe(next)
})
