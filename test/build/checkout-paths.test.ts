import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { checkoutPaths } from '../../src/build/checkout-paths.ts'

describe('context and Dockerfile of a checkout', () => {
  let outside: string
  let top: string

  beforeEach(() => {
    outside = realpathSync(mkdtempSync(join(tmpdir(), 'paths-')))
    top = join(outside, 'checkout')
    mkdirSync(join(top, 'app'), { recursive: true })
    writeFileSync(join(outside, 'secret'), 'FROM secret')
    writeFileSync(join(top, 'Dockerfile'), 'FROM top')
  })
  afterEach(() => rmSync(outside, { recursive: true, force: true }))

  const find = (recipe: { context?: string; dockerfile?: string } = {}) =>
    checkoutPaths(top, { context: '.', dockerfile: 'Dockerfile', ...recipe })

  it('are found in the context first, then from the top', async () => {
    expect(await find()).toEqual({ context: top, dockerfile: join(top, 'Dockerfile'), ignoreFile: null })
    expect((await find({ context: 'app' })).dockerfile).toBe(join(top, 'Dockerfile'))
    writeFileSync(join(top, 'app/Dockerfile'), 'FROM app')
    writeFileSync(join(top, 'app/Dockerfile.dockerignore'), '*')
    expect(await find({ context: 'app' })).toEqual({
      context: join(top, 'app'),
      dockerfile: join(top, 'app/Dockerfile'),
      ignoreFile: join(top, 'app/Dockerfile.dockerignore'),
    })
  })

  it('may be links inside the checkout', async () => {
    symlinkSync('../Dockerfile', join(top, 'app/Link'))
    expect((await find({ context: 'app', dockerfile: 'Link' })).dockerfile).toBe(join(top, 'Dockerfile'))
  })

  it.each([
    ['a Dockerfile that links out', 'Link', '../secret', { dockerfile: 'Link' }, 'dockerfile-outside-checkout'],
    [
      'a Dockerfile that links out absolutely',
      'Link',
      '/etc/passwd',
      { dockerfile: 'Link' },
      'dockerfile-outside-checkout',
    ],
    [
      'a Dockerfile in a directory that links out',
      'dir',
      '..',
      { dockerfile: 'dir/secret' },
      'dockerfile-outside-checkout',
    ],
    ['a context that links out', 'dir', '..', { context: 'dir' }, 'context-outside-checkout'],
    ['an ignore file that links out', '.dockerignore', '../secret', {}, 'dockerfile-outside-checkout'],
  ])('refuses %s', async (_name, path, target, recipe, code) => {
    symlinkSync(target, join(top, path))
    await expect(find(recipe)).rejects.toMatchObject({ code })
  })

  it('has an ignore file that is one', async () => {
    mkdirSync(join(top, 'Dockerfile.dockerignore'))
    await expect(find()).rejects.toMatchObject({ code: 'dockerfile-invalid' })
  })

  it.each([
    ['no such Dockerfile', { dockerfile: 'none' }, 'dockerfile-missing'],
    ['a directory as Dockerfile', { dockerfile: 'app' }, 'dockerfile-missing'],
    ['a way up, whatever it leads to', { dockerfile: '../secret' }, 'dockerfile-outside-checkout'],
    ['no such context', { context: 'none' }, 'context-missing'],
    ['a file as context', { context: 'Dockerfile' }, 'context-missing'],
  ])('refuses %s', async (_name, recipe, code) => {
    await expect(find(recipe)).rejects.toMatchObject({ code })
  })
})
