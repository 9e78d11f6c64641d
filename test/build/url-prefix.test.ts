import { describe, expect, it } from '@jest/globals'
import { asUrlPrefix, isUnderPrefix, isUrlPrefix } from '../../src/build/url-prefix.ts'

describe('the prefix of a credential', () => {
  it.each([
    ['https://git.example/team/app.git', 'https://git.example/team/', true],
    ['https://git.example/team/app.git', 'https://git.example/team', true],
    ['https://git.example/team', 'https://git.example/team', true],
    ['https://git.example/anything', 'https://git.example', true],
    ['https://GIT.example:443/team/x', 'https://git.example/team', true],
    ['http://127.0.0.1:17000/app/child.git', 'http://127.0.0.1:17000/', true],
    ['ssh://git@git.example/team/app.git', 'ssh://git.example:22/team', true],
    ['ssh://git@git.example/team/app.git', 'ssh://git@git.example/team', true],
    ['ssh://root@git.example/team/app.git', 'ssh://git@git.example/team', false],
    ['ssh://git.example/team/app.git', 'ssh://git@git.example/team', false],
    ['file:///etc/passwd', 'file:///etc', false],
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
    'ssh://git:p@git.example/',
    'file:///etc',
    'file://host/etc',
    'ftp://git.example/',
    'git://git.example/',
    'ext::sh -c id',
    'data://x/',
    '',
  ])('cannot be %s', (prefix) => {
    expect(isUrlPrefix(prefix)).toBe(false)
  })

  it.each([
    ['git@git.example:team', 'ssh://git@git.example/team'],
    ['git@git.example:/team/', 'ssh://git@git.example/team/'],
    ['git@git.example:', 'ssh://git@git.example/'],
    ['SSH://git.example/x', 'ssh://git.example/x'],
    ['https://git.example/a', 'https://git.example/a'],
  ])('%s is stored as %s', (said, stored) => {
    expect([asUrlPrefix(said), isUrlPrefix(asUrlPrefix(said))]).toEqual([stored, true])
    expect(asUrlPrefix(stored)).toBe(stored)
  })
  it.each(['git@host://x', 'u:p@host:x', 'git@host:a:b', '-o@host', 'git@host:../x'])('%s is none', (said) => {
    expect(isUrlPrefix(asUrlPrefix(said))).toBe(false)
  })
})
