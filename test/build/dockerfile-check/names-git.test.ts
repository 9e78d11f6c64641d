// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile
import { describe, expect, it } from '@jest/globals'
import { checkDockerfile, sourcesOfTrigger } from '../../../src/build/dockerfile-check/check-dockerfile.ts'
import { gitSource } from '../../../src/build/dockerfile-check/judge-instruction.ts'
import { namesGit } from '../../../src/build/dockerfile-check/names-git.ts'

describe('an ADD takes from git', () => {
  it.each([
    'https://h.io/x.git /src',
    'http://h.io:3000/x.git#0123abc:dir /src',
    'HTTPS://h.io/x.git?ref=v1 /src',
    'https://h.io/x%2egi%74#main /src',
    'https://$HOST/${PATH}.git#$SHA /src',
    '"https://h.io/x.git" /src',
    'https://h.io/x.g"i"t /src',
    'https://h.io/x.\\git /src',
    '["https://h.io/x.git#main", "/src"]',
    '["https://h.io/x\\u002egit", "/src"]',
    'a.txt git@h.io:x/y.git /src',
    'git@h.io:x/y#main /src',
    'h.io:x/y /src',
    'git://h.io/x /src',
    'ssh://git@h.io/x /src',
  ])('%s', (rest) => expect(namesGit(rest)).toBe(true))

  it.each([
    'a b /src',
    'https://h.io/v${VERSION}/x-${VERSION}.tar.gz /',
    'https://h.io/x.gitignore /',
    'https://h.io/a.git/b.tar /',
    'https://h.io/?x=.git /',
    '${JAR} app.jar',
    'a.git b.git /',
    '<<EOF /etc/motd',
    '["a b", "/c d"]',
    'a C:\\\\app',
    'a C:/app',
  ])('not %s', (rest) => expect(namesGit(rest)).toBe(false))
})

describe('on a daemon that builds share', () => {
  const base = `h.io/lib/a@sha256:${'a'.repeat(64)}`
  const git = 'ADD --keep-git-dir=true https://h.io/x.git#main /src'
  const check = (text: string, triggers: string[], ...more: string[]) =>
    checkDockerfile(text, new Map([[base, triggers], ...more.map((one): [string, string[]] => [one, []])]))

  it('it is refused, in a trigger too', () => {
    expect(() => check(`FROM ${base}\n${git}\n`, [])).toThrow(expect.objectContaining({ code: 'dockerfile-invalid' }))
    expect(() => check(`FROM ${base}\n`, [git])).toThrow(expect.objectContaining({ code: 'onbuild-refused' }))
    expect(() => check(`FROM ${base} AS x\nONBUILD ${git}\nFROM x\n`, [])).toThrow(
      expect.objectContaining({ code: 'onbuild-refused' }),
    )
    expect(sourcesOfTrigger(git)).toEqual([gitSource])
  })

  it('it is let through on another', () => {
    expect(() => check(`FROM ${base}\n${git}\n`, [git], gitSource)).not.toThrow()
  })
})
