import { beforeEach, describe, expect, test } from '@jest/globals'
import { digest } from '../../src/notify/digest.ts'
import type { Outlook } from '../../src/notify/digest-outline.ts'
import { addMember, addOutdated, sha } from './flags.ts'
import { base, keptMails, run } from './kept-mails.ts'
import { ada, all, outdated, readable, squeezed, run as tag, told } from './told.ts'

const command = /drydock (recipe|build)|curl/

describe('who may not build in a namespace is told who may, and gets no command', () => {
  const rights = { ...all, build: (namespace: string, leader?: string) => (leader ?? namespace).startsWith('mine') }
  const proposed = { source: 'https://git.test/run#main', file: null, acceptable: true, doubts: 0 }
  const who = 'an admin, or whoever is owner or contributor of'
  const mail = (...notices: ReturnType<typeof told>[]) => {
    const { text, html } = digest(notices, { ...ada, rights })
    return [squeezed(text), readable(html).replace('For them:', 'For them: ')]
  }

  test.each<[string, Outlook, string, string]>([
    ['no recipe', outdated('none'), 'below is who can add a recipe', `${who} Namespace app. For them: ${tag}`],
    ['one is proposed', { ...outdated('none'), proposed } as Outlook, 'who can take it', `${who} Namespace app`],
    [
      'one is proposed that is to be mended',
      { ...outdated('none'), proposed: { ...proposed, acceptable: false } } as Outlook,
      'who can mend it',
      `${who} Namespace app`,
    ],
    [
      'built when asked for',
      outdated('manual'),
      'asks for it; below is who can',
      `${who} Namespace app. For them: ${tag}`,
    ],
    [
      'moved along by another',
      outdated('manual', { movesWith: 'r/theirs/x:1' }),
      'below is who can',
      `${who} the namespace in which it is built. For them: r/theirs/x:1`,
    ],
    [
      'moved along by another that may not be read',
      outdated('none', { movesWith: '(withheld)' }),
      'below is who can',
      `${who} the namespace in which it is built. For them: ${tag}`,
    ],
  ])('%s', (_what, outlook, next, advice) => {
    for (const words of mail(told({ outlook }))) {
      expect(words).toContain(next)
      expect(words).toContain(advice)
      expect(words).not.toMatch(command)
    }
  })

  test('beside what they may do: the command for that, and one tag of each other namespace', () => {
    const other = (namespace: string, n: number) => told({ namespace, ref: `r/${namespace}/x:${n}` })
    const notices = [told({ namespace: 'mine', ref: 'r/mine/x:1' }), other('b', 1), other('b', 2), other('c', 1)]
    for (const words of mail(...notices)) {
      expect(words).toContain('/api/v1/recipes/r%2Fmine%2Fx%3A1')
      expect(words).not.toMatch(/recipes\/r%2F[bc]/)
      expect(words).toContain(`${who} its namespace. For them: r/b/x:1 r/c/x:1`)
    }
  })

  test('what they may build is theirs though the tag that is moved along is not', () => {
    const outlook = outdated('manual', { movesWith: 'mine/x:1' })
    for (const words of mail(told({ outlook }))) expect(words).toContain('drydock build mine/x:1 --follow')
  })
})

describe('of whom it is asked', () => {
  const w = keptMails()
  const byRule = (users: string) => w.pg.sql`
    insert into owner_rule (source, position, registry, pattern, regex, users) values ('f', 0, 'r.test', 'app/', '^app/', ${users}::text[])`
  const person = (name: string, admin = false) =>
    w.pg.sql`insert into person (name, email, admin) values (${name}, ${`${name}@example.org`}, ${admin})`
  beforeEach(() => addOutdated(w.pg.sql, run, { base, from: sha('v1'), to: sha('v2') }))
  const texts = async () => Object.fromEntries((await w.mails()).map(({ user, text }) => [user, squeezed(text!)]))

  test('a role, or being admin, is what counts, not a rule by which they hear of it', async () => {
    await addMember(w.pg.sql, 'app', 'carl', { role: 'contributor' })
    await addMember(w.pg.sql, 'app', 'vera', { role: 'viewer' })
    for (const [name, admin] of [
      ['root', true],
      ['rob', false],
    ] as const)
      await person(name, admin)
    await byRule('{rob,root,vera}')
    await w.pg.sql`update namespace set visibility = 'private' where key = 'app'`
    await w.gather()
    const mails = await texts()
    expect(Object.keys(mails).toSorted()).toEqual(['carl', 'rob', 'root', 'vera'])
    for (const name of ['carl', 'root']) expect(mails[name]).toMatch(command)
    for (const name of ['rob', 'vera']) {
      expect(mails[name]).not.toMatch(command)
      expect(mails[name]).toContain(`owner or contributor of Namespace app. For them: ${run}`)
    }
    const closed = 'may not read there yet: links to its pages open for who has a role in it'
    expect(Object.keys(mails).filter((name) => mails[name]!.includes(closed))).toEqual(['rob'])
  })

  test('at one address: all who are told', async () => {
    const both = { email: 'both@example.org' }
    await addMember(w.pg.sql, 'app', 'carl', { ...both, role: 'contributor' })
    await addMember(w.pg.sql, 'app', 'vera', { ...both, role: 'viewer' })
    await byRule('{vera}')
    await w.gather()
    const [text, ...more] = Object.values(await texts())
    expect(more).toEqual([])
    expect(text).not.toMatch(command)
  })

  test('what is withheld is numbered as it is read', async () => {
    const hush = (name: string) => `r.test/hush/${name}:1`
    await w.pg.sql`insert into namespace (key, visibility) values ('hush', 'private')`
    await addMember(w.pg.sql, 'app', 'ada')
    for (const [n, via] of [1, 2, 3].map((n) => [n, hush(`via-${n}`)] as const))
      await addOutdated(w.pg.sql, `r.test/app/run:${n}`, {
        base: hush(`base-${n}`),
        from: sha('v1'),
        to: sha('v2'),
        via,
      })
    await w.gather()
    const [mail] = await w.mails()
    const numbers = [...mail!.text!.matchAll(/^Base \(withheld(?: (\d+))?\)$/gm)].map(([, number]) => number ?? '1')
    expect(numbers).toEqual(['1', '2', '3'])
  })
})
