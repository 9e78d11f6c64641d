import { describe, expect, it } from '@jest/globals'
import { parseRecipe } from '../../src/build/recipe.ts'

const git = { url: 'https://git.example/team/app.git', ref: 'main' }
const read = (input: unknown, gitProtocols = ['https', 'ssh']) => parseRecipe(input, { gitProtocols })
const faults = (input: unknown, gitProtocols?: string[]) => {
  const parsed = read(input, gitProtocols)
  return parsed.ok ? [] : parsed.faults.map((fault) => `${fault.path}: ${fault.code}`)
}

describe('a recipe', () => {
  it('has the defaults of the interface', () => {
    expect(read({ git })).toEqual({
      ok: true,
      recipe: {
        git: { ...git, submodules: false, lfs: false },
        context: '.',
        dockerfile: 'Dockerfile',
        args: {},
        platforms: [],
        strategy: 'dockerfile',
        auto: false,
        on: 'runtime',
        tags: [],
        secrets: [],
        keepPrevious: true,
      },
    })
  })

  it('needs no source for a rebase', () => {
    expect(read({ strategy: 'rebase', base: 'localhost:5000/lib/base:1' }).ok).toBe(true)
    expect(faults({})).toEqual(['git: recipe-invalid'])
  })

  it.each([
    ['ssh', 'ssh://git@git.example:22/team/app.git'],
    ['the short form of ssh', 'git@git.example:team/app.git'],
    ['https with a port', 'https://git.example:8443/a'],
  ])('takes an address by %s', (_name, url) => {
    expect(faults({ git: { ...git, url } })).toEqual([])
  })

  it.each([
    ['a remote helper that runs a command', 'ext::sh -c touch% /tmp/x', 'git-url'],
    ['a remote helper without blanks', 'ext::sh', 'git-protocol'],
    ['a helper with a listed name', 'https::https://git.example/a', 'git-protocol'],
    ['plain http, not listed', 'http://git.example/a', 'git-protocol'],
    ['a file, not listed', 'file:///etc', 'git-protocol'],
    ['a path', '/etc', 'git-url'],
    ['an option', '--upload-pack=touch', 'git-url'],
    ['an option as the host', 'ssh://-oProxyCommand=x/a', 'git-url'],
    ['an option as the host, short form', 'git@-oProxyCommand:a', 'git-url'],
    ['a password', 'https://u:p@git.example/a', 'git-url'],
    ['a token', 'https://token@git.example/a', 'git-url'],
    ['a password with ssh', 'ssh://git:p@git.example/a', 'git-url'],
    ['a way up', 'https://git.example/team/../other/a', 'git-url'],
    ['an encoded way up', 'https://git.example/team/%2e%2E/other/a', 'git-url'],
    ['a newline', 'https://git.example/a\nb', 'git-url'],
    ['a query', 'https://git.example/a?b', 'git-url'],
  ])('refuses an address that is %s', (_name, url, code) => {
    expect(faults({ git: { ...git, url } })).toEqual([`git.url: ${code}`])
  })

  it('takes http and file once they are listed', () => {
    expect(faults({ git: { ...git, url: 'http://127.0.0.1:8000/a.git' } }, ['http'])).toEqual([])
    expect(faults({ git: { ...git, url: 'file:///srv/git/a.git' } }, ['file'])).toEqual([])
  })

  it.each([
    '-x',
    '--upload-pack=x',
    '+main',
    'a:b',
    'a..b',
    'main@{1}',
    'a b',
    'main^',
    'main~1',
    'a.lock',
    '/main',
    'a//b',
    '',
  ])('refuses the ref "%s"', (ref) => {
    expect(faults({ git: { ...git, ref } })).toEqual(['git.ref: recipe-invalid'])
  })

  it.each(['main', 'v1.2.3', 'feature/x-1', 'refs/tags/v1', '0123456789abcdef0123456789abcdef01234567'])(
    'takes the ref %s',
    (ref) => {
      expect(faults({ git: { ...git, ref } })).toEqual([])
    },
  )

  it.each([
    ['dockerfile', '../Dockerfile'],
    ['dockerfile', '/etc/passwd'],
    ['dockerfile', 'a/../../b'],
    ['dockerfile', '-'],
    ['context', '..'],
    ['context', 'https://x'.replace('https:/', '/')],
  ])('refuses %s %s', (field, path) => {
    expect(faults({ git, [field]: path })).toEqual([`${field}: recipe-invalid`])
  })

  it('says what it will not act upon', () => {
    expect(read({ git, platforms: ['linux/amd64', 'linux/arm64'] })).toMatchObject({ ok: true })
    expect(read({ git, platforms: ['linux/amd64', 'linux/amd64'] })).toMatchObject({
      ok: false,
      faults: [{ path: 'platforms' }],
    })
    expect(read({ strategy: 'rebase', verify: ['true'] })).toMatchObject({ ok: false, faults: [{ path: 'verify' }] })
    for (const wrong of [
      { target: 'a b' },
      { schedule: 'often' },
      { schedule: '0 0 31 2 *' },
      { pushTo: 'a/b' },
      { pushTo: '1-prev' },
      { tags: ['x', '1-prev'] },
      { tags: ['1.drydock'] },
      { secrets: [{ id: 'x' }] },
      { unheard: 1 },
    ])
      expect(faults({ git, ...wrong })).toHaveLength(1)
    expect(faults({ git, args: { 'a-b': '1' }, tags: ['a/b'], base: 'x@y' }).length).toBeGreaterThanOrEqual(3)
  })
})
