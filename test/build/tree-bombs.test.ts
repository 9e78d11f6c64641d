import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, test } from '@jest/globals'
import { checkOut } from '../../src/build/git-checkout.ts'
import { requires } from '../support/requires.ts'

requires('git')('a small repository that unfolds into very much', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'bomb-test-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const git = (args: string[], input = ''): string =>
    execFileSync('git', ['--git-dir', join(dir, 'bomb.git'), '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    }).trim()
  /** Ten entries of the same, under `levels` levels of ten equal trees. */
  const grow = (levels: number, entry: (name: string) => string) => {
    git(['init', '--quiet', '--bare'])
    const ten = (line: (name: string) => string) => Array.from({ length: 10 }, (_, i) => line(`n${i}`)).join('\n')
    let tree = git(['mktree', '--missing'], `${ten(entry)}\n`)
    for (let i = 0; i < levels; i++) tree = git(['mktree'], `${ten((name) => `040000 tree ${tree}\t${name}`)}\n`)
    git(['update-ref', 'refs/heads/main', git(['commit-tree', '-m', 'bomb', tree])])
  }
  const check = (maxFiles?: number) =>
    checkOut({
      ...{ url: `file://${dir}/bomb.git`, ref: 'main', protocols: ['file'], credential: null, dir: join(dir, 'out') },
      ...{ signal: AbortSignal.timeout(120_000), log: () => undefined, ...(maxFiles ? { maxFiles } : {}) },
    })
  const link = (name: string) => `160000 commit ${'a'.repeat(40)}\t${name}`

  it('of submodules ends at the first too many', async () => {
    grow(7, link)
    await expect(check()).rejects.toMatchObject({
      code: 'checkout-too-large',
      message: expect.stringContaining('10000 sub'),
    })
    expect(readdirSync(join(dir, 'out', 'source'))).toEqual([])
  })

  it('of empty files too', async () => {
    git(['init', '--quiet', '--bare'])
    const empty = git(['hash-object', '-w', '--stdin'])
    grow(6, (name) => `100644 blob ${empty}\t${name}`)
    await expect(check()).rejects.toMatchObject({
      code: 'checkout-too-large',
      message: expect.stringContaining('files'),
    })
    expect(readdirSync(join(dir, 'out', 'source'))).toEqual([])
  })

  test.each([
    [1110, false],
    [1109, true],
  ])('counts its directories: 1000 files in 110 of them within %i', async (most, fails) => {
    git(['init', '--quiet', '--bare'])
    const empty = git(['hash-object', '-w', '--stdin'])
    grow(2, (name) => `100644 blob ${empty}\t${name}`)
    const done = await check(most).then(
      () => 'checked out',
      (error: { code: string }) => error.code,
    )
    expect(done).toBe(fails ? 'checkout-too-large' : 'checked out')
  })
})
