import { describe, expect, it, test } from '@jest/globals'
import fc from 'fast-check'
import { isPathGlob } from '../../src/build/path-globs.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { type GitPush, readGitPush } from '../../src/triggers/git-push.ts'
import { repositoryKey } from '../../src/triggers/repository-key.ts'
import { wantedByPush } from '../../src/triggers/wanted-by-push.ts'
import { after, gitea, github, gitlab, nothing, type Touched } from './payloads.ts'

test.each([
  ['https://git.example/team/app.git', 'git.example/team/app'],
  ['https://Git.Example:443/Team/App/', 'git.example/team/app'],
  ['git@git.example:team/app.git', 'git.example/team/app'],
  ['ssh://git@git.example/team/app', 'git.example/team/app'],
  ['ssh://git@git.example:2222/team/app.git', 'git.example:2222/team/app'],
  ['http://git.example:3000/team/app.git', 'git.example:3000/team/app'],
  ['http://git.example:80/team/app.git', 'git.example/team/app'],
  ['git://git.example/team/app.git', 'git.example/team/app'],
  ['https://git.example/group/sub/app.git', 'git.example/group/sub/app'],
  ['https://git.example/', null],
  ['file:///srv/git/app.git', null],
  ['', null],
  ['not an address', null],
])('the repository of %s', (url, key) => expect(repositoryKey(url)).toBe(key))

describe.each([
  ['GitHub', github],
  ['GitLab', gitlab],
  ['Gitea', gitea],
])('a push as %s tells it', (_, make) => {
  const read = (ref?: string, touched?: Touched[], more?: object) =>
    readGitPush(JSON.parse(JSON.stringify(make(ref, touched, more)))) as GitPush
  it('is read', () => {
    const touched = [{ added: ['a'], removed: ['b/c'] }, { modified: ['a', 'd'] }]
    expect(read('refs/heads/feature/x', touched)).toMatchObject({
      ...{ ref: 'refs/heads/feature/x', deleted: false, commit: after, pusher: 'ada', defaultBranch: 'main' },
      files: ['a', 'b/c', 'd'],
    })
  })
  it('names its repository by every address', () => {
    const port = make === gitea ? ':3000' : ''
    expect(read().repositories.has(`git.example${port}/team/app`)).toBe(true)
  })
  it('may be of a tag, or take a branch away', () => {
    expect(read('refs/tags/v1', [], { before: nothing }).ref).toBe('refs/tags/v1')
    expect(read('refs/heads/old', [], { after: nothing })).toMatchObject({ deleted: true, commit: null })
  })
  test.each<[string, Touched[], object]>([
    ['a new branch', [{ added: ['a'] }], { before: nothing }],
    ['no commits', [], {}],
    ['commits that are cut off', [{ added: ['a'] }], { total_commits_count: 21, total_commits: 6 }],
    ['commits without files', [{}], {}],
    ['a commit that names no lists', [{ added: ['a'] }], { commits: [{ id: after, added: ['a'] }] }],
    ['no list of commits', [], { commits: 'many' }],
    ['so many files that some are left out', [{ modified: Array.from({ length: 300 }, (_, i) => `f${i}`) }], {}],
  ])('tells no files: %s', (_, touched, more) => expect(read('refs/heads/main', touched, more).files).toBeNull())
})

test('GitHub: forced, or new by its own word, or 2,048 commits: the files are not all', () => {
  const files = (touched: Touched[], more: object) => readGitPush(github('refs/heads/main', touched, more))?.files
  expect(files([{ added: ['a'] }], { forced: true })).toBeNull()
  expect(files([{ added: ['a'] }], { created: true })).toBeNull()
  expect(
    files(
      Array.from({ length: 2048 }, () => ({ added: ['a'] })),
      {},
    ),
  ).toBeNull()
})

test('Gitea: a list that is null is an empty one', () => {
  const body = gitea('refs/heads/main', [], {
    commits: [{ added: null, modified: ['x'], removed: null }],
    total_commits: 1,
  })
  expect(readGitPush(body)?.files).toEqual(['x'])
})

test('what is no push', () => {
  for (const body of [
    ...[null, 1, [], {}, { ref: 'refs/heads/main' }, github('refs/notes/x'), github('refs/heads/')],
    { ...github(), repository: { clone_url: 'nonsense' } },
    { ...github(), ref: ['refs/heads/main'] },
  ])
    expect(readGitPush(body)).toBeNull()
})

test('whatever stands in a body, reading it throws nothing, and a pusher is one short line', () => {
  const near = fc.tuple(fc.constantFrom(...Object.keys(github())), fc.anything()).map(([key, value]) => ({
    ...github(),
    [key]: value,
  }))
  fc.assert(
    fc.property(fc.oneof(fc.anything(), near), (body) => void readGitPush(body)),
    { numRuns: 500 },
  )
  const pusher = readGitPush(
    github('refs/heads/main', [], { pusher: { name: `x\u0000\n\u001b[31m\u2028\ud800${'y'.repeat(500)}` } }),
  )
  expect(pusher?.pusher).toMatch(/^x[^\p{C}\p{Zl}]{1,99}$/u)
})

describe('what a push asks of a recipe', () => {
  const push = (ref?: string, touched?: Touched[], more?: object) => readGitPush(github(ref, touched, more)) as GitPush
  const recipe = (more: object = {}, git: object = {}) =>
    Recipe.parse({ git: { url: 'git@git.example:team/app.git', ref: 'main', ...git }, auto: true, ...more })
  const built = { because: null }
  test.each<[string, ReturnType<typeof recipe>, GitPush, ReturnType<typeof wantedByPush>]>([
    ['the branch', recipe(), push(), built],
    ['the branch in full', recipe({}, { ref: 'refs/heads/main' }), push(), built],
    ['a tag', recipe({}, { ref: 'v1' }), push('refs/tags/v1'), built],
    ['a tag in full', recipe({}, { ref: 'refs/tags/v1' }), push('refs/tags/v1'), built],
    ['a tag in full, and a branch of that name', recipe({}, { ref: 'refs/tags/v1' }), push('refs/heads/v1'), 'other'],
    ['another branch', recipe(), push('refs/heads/main2'), 'other'],
    ['a branch whose end is the same', recipe(), push('refs/heads/x/main'), 'other'],
    ['the default branch', recipe({}, { ref: 'HEAD' }), push(), built],
    ['not the default branch', recipe({}, { ref: 'HEAD' }), push('refs/heads/x'), 'other'],
    ['another repository', recipe({}, { url: 'https://git.example/team/app2.git' }), push(), 'other'],
    ['another host', recipe({}, { url: 'https://git.example.org/team/app.git' }), push(), 'other'],
    ['a commit', recipe({}, { ref: after }), push(), 'other'],
    ['a commit, though a branch has that name', recipe({}, { ref: after }), push(`refs/heads/${after}`), 'other'],
    [
      'a deleted branch',
      recipe(),
      push('refs/heads/main', [], { deleted: true, after: nothing }),
      { because: 'deleted' },
    ],
    ['never', recipe({ gitPush: false }), push(), { because: 'not-wanted' }],
    ['not said, auto false', recipe({ auto: false }), push(), { because: 'not-wanted' }],
    ['said, auto false', recipe({ auto: false, gitPush: {} }), push(), built],
    ['a rebase, which has no source', recipe({ strategy: 'rebase' }), push(), { because: 'no-source' }],
    ['no source at all', Recipe.parse({ strategy: 'rebase', gitPush: {} }), push(), 'other'],
    [
      'a context of its own, and no paths',
      recipe({ context: 'web' }),
      push('refs/heads/main', [{ added: ['x'] }]),
      built,
    ],
    [
      'a path',
      recipe({ gitPush: { paths: ['web/**'] } }),
      push('refs/heads/main', [{ added: ['x'] }, { removed: ['web/a/.b'] }]),
      built,
    ],
    [
      'one of two paths',
      recipe({ gitPush: { paths: ['*.md', 'go.{mod,sum}'] } }),
      push('refs/heads/main', [{ modified: ['go.sum'] }]),
      built,
    ],
    [
      'no such path',
      recipe({ gitPush: { paths: ['web/**'] } }),
      push('refs/heads/main', [{ added: ['webs/a', 'x/web/a'] }]),
      { because: 'no-path-touched' },
    ],
    [
      'a star within a folder',
      recipe({ gitPush: { paths: ['web/*'] } }),
      push('refs/heads/main', [{ added: ['web/a/b'] }]),
      { because: 'no-path-touched' },
    ],
    [
      'paths, and files that nobody told',
      recipe({ gitPush: { paths: ['web/**'] } }),
      push('refs/heads/main', [], { forced: true }),
      built,
    ],
  ])('%s', (_, of, by, expected) => expect(wantedByPush(of, by)).toEqual(expected))
})

test('patterns over paths', () => {
  for (const glob of ['**', 'a/**/b', '*.md', '{a,b}/c', '.github/**', 'a b'])
    expect([glob, isPathGlob(glob)]).toEqual([glob, true])
  for (const glob of ['', '/a', '!a', './a', '../a', 'a/', 'a//b', 'a\\b', 'a\nb', '*a*b*c*d*e*f*g*h*i*j*k'])
    expect([glob, isPathGlob(glob)]).toEqual([glob, false])
})
