import { describe, expect, it } from '@jest/globals'
import { isUnderPrefix, isUrlPrefix } from '../../src/build/url-prefix.ts'

describe('the prefix of a credential', () => {
  it.each([
    ['https://git.example/team/app.git', 'https://git.example/team/', true],
    ['https://git.example/team/app.git', 'https://git.example/team', true],
    ['https://git.example/team', 'https://git.example/team', true],
    ['https://git.example/anything', 'https://git.example', true],
    ['https://GIT.example:443/team/x', 'https://git.example/team', true],
    ['http://127.0.0.1:17000/app/child.git', 'http://127.0.0.1:17000/', true],
    ['ssh://git@git.example/team/app.git', 'ssh://git.example:22/team', true],
    ['https://git.example/teamwork/app.git', 'https://git.example/team', false],
    ['https://git.example/Team/app.git', 'https://git.example/team', false],
    ['https://git.example.evil.org/team/x', 'https://git.example/team', false],
    ['https://git.example:8443/team/x', 'https://git.example/team', false],
    ['http://git.example/team/x', 'https://git.example/team', false],
    ['http://127.0.0.1:17001/a', 'http://127.0.0.1:17000/', false],
    ['http://127.0.0.1:1700/a', 'http://127.0.0.1:17000/', false],
    ['https://git.example/team/../other/x', 'https://git.example/team', false],
    ['https://git.example/team/%2e%2e/other/x', 'https://git.example/team', false],
    ['https://git.example/team%2f..%2fother', 'https://git.example/team', false],
    ['https://git.example/team\\..\\other', 'https://git.example/team', false],
    ['https://evil.org/#https://git.example/team', 'https://git.example/team', false],
    ['https://git.example@evil.org/team/x', 'https://git.example/team', false],
    ['nonsense', 'https://git.example/team', false],
  ])('%s under %s: %s', (url, prefix, expected) => {
    expect(isUnderPrefix(url, prefix)).toBe(expected)
  })

  it.each([
    'git.example/team',
    'https://u:p@git.example/',
    'https://git.example/?a',
    'https://git.example/a/../b',
    'https://',
    '',
  ])('cannot be %s', (prefix) => {
    expect(isUrlPrefix(prefix)).toBe(false)
  })
})
