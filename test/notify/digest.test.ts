import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { digest } from '../../src/notify/digest.ts'
import type { PlanRight } from '../../src/notify/digest-links.ts'
import type { NoticeContent, Outlook } from '../../src/notify/digest-outline.ts'
import { howSure, nextStep, throughWhom } from '../../src/notify/digest-words.ts'
import { ada, all, base, content, outdated, readable, run, sha, squeezed, told } from './told.ts'

describe('one notice', () => {
  const mail = digest([told()], ada)

  test('the subject names the tag and the base', () => {
    expect(mail.subject).toBe(`${run} is outdated: ${base} has moved`)
  })

  test.each([
    ['whom it speaks to', 'Hello Ada,'],
    ['the base', `Base ${base}`],
    ['its old digest, whole', `was ${sha('a')}`],
    ['its new digest, whole', `now ${sha('b')}`],
    ['the namespace', 'Namespace app'],
    ['the tag', run],
    ['since when', 'outdated since 2026-11-21 02:58:01 UTC (linux/amd64)'],
    ['old and new, short', 'sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb'],
    ['through whom', 'built on it directly'],
    ['how sure', 'inferred from its layers'],
    ['what happens next', 'no recipe, so it stays outdated until somebody rebuilds and pushes it'],
    ['how to add a recipe', 'curl -X PUT https://drydock.example.org/api/v1/recipes/localhost%3A5000%2Fapp%2Frun%3A1'],
    ['where to look', 'https://drydock.example.org/tags/localhost%3A5000%2Fapp%2Frun%3A1'],
    ['why it came', 'because you look after Namespace app'],
  ])('text and HTML say %s', (_what, words) => {
    const { text, html } = mail
    expect(squeezed(text)).toContain(words)
    expect(readable(html)).toContain(words)
  })
})

describe('what happens next', () => {
  const build = '0b1c2d3e-0000-4000-8000-000000000001'
  test.each<[string, Outlook, string]>([
    ['no recipe', outdated('none'), 'no recipe'],
    ['by hand', outdated('manual'), 'only when somebody asks'],
    ['pinned', outdated('pinned'), `let it name ${base} at sha256:bbbbbbbbbbbb`],
    ['settling', outdated('settling'), 'as soon as the base has stayed put'],
    ['waiting', outdated('waiting', { waitsFor: ['r/a:1', 'r/b:1'] }), 'after r/a:1 and r/b:1'],
    ['approval', outdated('approval'), 'waits for approval'],
    ['paused', outdated('paused'), 'are held at the moment'],
    ['queued', outdated('queued', { build }), 'a rebuild is queued'],
    ['running', outdated('running', { build }), 'a rebuild is running'],
    ['failed', outdated('failed', { build }), 'a rebuild did not help'],
    ['rebuilt within the window', { fate: 'current' }, 'already rebuilt'],
    ['deleted within the window', { fate: 'deleted' }, 'has been deleted'],
    ['no longer to be judged', { fate: 'unknown' }, 'cannot be judged'],
  ])('%s', (_what, outlook, words) => {
    expect(nextStep({ ref: run, content: content(), moves: 1, outlook }, () => true)).toContain(words)
    expect(squeezed(digest([told({ outlook })], ada).text)).toContain(words)
  })

  test('when it is tried again, as a time that is read', () => {
    const because = 'tried again at 2026-11-21T23:41:43.441Z'
    const { text } = digest([told({ outlook: outdated('failed', { build, because }) })], ada)
    expect(squeezed(text)).toContain('did not help (it is tried again after 2026-11-21 23:41:43 UTC)')
  })

  test('of a plan that waits for approval, once, and how to approve it, or who may', () => {
    const because = 'its plan waits for approval: 3 tags would be built, and more than 1 need approval'
    const outlook = { ...outdated('approval', { because }), plan: build } as Outlook
    const mail = (right: PlanRight) => {
      const { text, html } = digest([told({ outlook }), told({ ref: 'r/app/b:1', outlook })], {
        ...ada,
        rights: { ...all, plan: () => right },
      })
      expect(squeezed(text).match(/waits for approval: 3 tags/g)).toHaveLength(1)
      return [squeezed(text), readable(html)]
    }
    for (const words of mail('approve')) {
      expect(words.match(/drydock approve \S+/g)).toEqual([`drydock approve ${build}`])
      expect(words).toContain(`drydock plans ${build}`)
    }
    for (const words of [...mail('look'), ...mail('none')]) {
      expect(words).not.toContain('drydock approve')
      expect(words).toContain('waits for approval by an admin, or whoever is owner or contributor')
      expect(words).toContain(build)
    }
    for (const words of mail('look')) expect(words).toContain(`drydock plans ${build}`)
    for (const words of mail('none')) expect(words).not.toContain('drydock plans')
  })

  test('a recipe that is proposed: to take it, to build with it, and to have that done', () => {
    const proposed = { source: 'https://git.test/run#main', file: null, acceptable: true, doubts: 0 }
    const { text, html } = digest([told({ outlook: { ...outdated('none'), proposed } as Outlook })], ada)
    for (const words of [squeezed(text), readable(html)]) {
      expect(words).toContain(`drydock recipe propose ${run} --accept drydock build ${run} --follow`)
      expect(words).toContain('"auto": true')
    }
  })

  test('a recipe that cannot be taken as it is proposed: one that can is advised, else to mend it first', () => {
    const proposed = { source: 'https://git.test/run#main', file: null, acceptable: false, doubts: 1 }
    const odd = told({ outlook: { ...outdated('none'), proposed } as Outlook })
    const sound = told({
      ref: 'r/sound:1',
      outlook: { ...outdated('none'), proposed: { ...proposed, acceptable: true } } as Outlook,
    })
    const words = (...some: ReturnType<typeof told>[]) => squeezed(digest(some, ada).text)
    expect(words(odd)).toContain(
      `drydock recipe propose ${run} drydock recipe apply FILE drydock build ${run} --follow`,
    )
    expect(words(odd)).toContain('below is how to mend it')
    expect(words(odd)).not.toContain('--accept')
    expect(words(odd, sound)).toContain('drydock recipe propose r/sound:1 --accept drydock build r/sound:1 --follow')
    expect(words(odd, sound)).not.toContain('recipe apply')
  })

  const leader = 'r/run:2'
  test.each<[string, object, string]>([
    ['queued', { build }, `moves along with ${leader}: a rebuild is queued`],
    ['waiting', { waitsFor: ['r/a:1'] }, `moves along with ${leader}: a rebuild is planned, after r/a:1`],
    ['manual', {}, `drydock build ${leader} --follow`],
    ['none', {}, `moves along with ${leader}, as soon as that is built again`],
    ['none', {}, `drydock build ${leader} --follow`],
  ])('a further tag of a recipe, %s %j: its own recipe is no advice', (state, more, words) => {
    const { text, html } = digest([told({ outlook: outdated(state, { ...more, movesWith: leader }) })], ada)
    expect(squeezed(text)).toContain(words)
    expect(readable(html)).toContain(words)
    expect(text).not.toContain('recipes/')
    expect(text).not.toContain('no recipe')
  })

  test('a failed build is linked with its log', () => {
    const { text, html } = digest([told({ outlook: outdated('failed', { build }) })], ada)
    expect(text).toContain(`https://drydock.example.org/builds/${build}`)
    expect(html).toContain(`href="https://drydock.example.org/builds/${build}"`)
  })

  test('what is settled is told as past', () => {
    const mail = digest([told({ outlook: { fate: 'current' } })], ada)
    expect(mail.subject).toBe(`${run} was outdated: ${base} has moved`)
    expect(squeezed(mail.text)).toContain('None of it is any more.')
  })
})

test.each<[Partial<NoticeContent>, string]>([
  [{ confidence: 'declared', evidence: ['provenance', 'annotation'] }, 'declared by its provenance and its annotation'],
  [{ confidence: 'inferred' }, 'inferred from its layers'],
  [
    { confidence: 'ambiguous', stillAt: ['r/base:stable'] },
    'r/base:stable is still at the content it was built on, and it may be meant to follow that',
  ],
  [{ confidence: 'ambiguous', stillAt: ['r/x:1', 'r/y:1'] }, 'r/x:1 and r/y:1 are still at the content'],
])('how sure: %j', (more, words) => {
  expect(howSure(content(more))).toContain(words)
})

test.each<[Partial<NoticeContent>, string]>([
  [{}, 'directly'],
  [{ via: 'r/mid:1' }, 'through r/mid:1, which is built on it'],
  [{ role: 'build' }, 'in a build stage'],
])('through whom: %j', (more, words) => {
  expect(throughWhom(content(more))).toContain(words)
})

describe('several notices', () => {
  test('are grouped by base, then namespace, then tag, each by name', () => {
    const other = 'localhost:5000/lib/zlib:1'
    const { subject, text } = digest(
      [
        told({ ref: 'r/web/z:1', namespace: 'web', content: content({ base: other }) }),
        told({ ref: 'r/app/b:1' }),
        told({ ref: 'r/web/c:1', namespace: 'web' }),
        told({ ref: 'r/app/a:1' }),
      ],
      ada,
    )
    expect(subject).toBe('4 tags are outdated: 2 bases have moved')
    const wanted = [`Base ${base}`, 'Namespace app', '* r/app/a:1', '* r/app/b:1', 'Namespace web', '* r/web/c:1']
    const places = [...wanted, `Base ${other}`, '* r/web/z:1'].map((words) => text.indexOf(words))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places).not.toContain(-1)
  })

  test('of one tag and base are one entry: from the first digest to the last', () => {
    const again = content({ from: sha('b'), to: sha('c'), since: '1795229900000000000' })
    const { text } = digest([told(), told({ content: again })], ada)
    expect(text.match(/^\* /gm)).toHaveLength(1)
    expect(squeezed(text)).toContain('sha256:aaaaaaaaaaaa → sha256:cccccccccccc (in 2 moves)')
    expect(text).toContain('outdated since 2026-11-21 02:58:01 UTC')
    expect(text).toContain(`now ${sha('c')}`)
  })

  test('the subject counts only what is outdated still', () => {
    const { subject } = digest([told(), told({ ref: 'r/app/b:1', outlook: { fate: 'current' } })], ada)
    expect(subject).toBe(`${run} is outdated: ${base} has moved`)
  })
})

describe('whatever is in a notice', () => {
  const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 })

  test('the subject is one line', () => {
    fc.assert(
      fc.property(word, word, (ref, name) => {
        expect(digest([told({ ref, content: content({ base: name }) })], ada).subject).not.toMatch(
          /[\p{Cc}\u2028\u2029]/u,
        )
      }),
    )
  })

  test('nothing becomes markup', () => {
    const evil = '<script>alert(1)</script>"\'&'
    const more = content({ base: evil, via: evil, stillAt: [evil], confidence: 'ambiguous', platforms: [evil] })
    const { html } = digest([told({ ref: evil, namespace: evil, content: more })], { ...ada, name: evil })
    expect(html).not.toContain('<script')
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;')
  })

  test('every tag of every notice is in the text and the HTML', () => {
    const name = fc.stringMatching(/^[a-z]{1,3}\/[a-z]{1,3}:[0-9]$/)
    const notice = fc
      .record({
        ref: name,
        base: name,
        namespace: fc.constantFrom('a', 'b', '_'),
        fate: fc.constantFrom('current', 'unknown'),
      })
      .map(({ ref, base, namespace, fate }) =>
        told({ ref, namespace, content: content({ base }), outlook: { fate } as Outlook }),
      )
    fc.assert(
      fc.property(fc.array(notice, { minLength: 1, maxLength: 30 }), (notices) => {
        const { text, html } = digest(notices, ada)
        for (const { ref, content } of notices) {
          expect(text).toContain(`* ${ref}\n`)
          expect(text).toContain(`Base ${content.base}\n`)
          expect(html).toContain(`>${ref}</a>`)
        }
      }),
    )
  })
})
