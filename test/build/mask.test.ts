import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { makeMask } from '../../src/build/mask.ts'

const through = (pieces: string[], secrets: [string, string?][]): string => {
  const mask = makeMask()
  for (const [secret, username] of secrets) mask.add(secret, username)
  return pieces.map((piece) => mask.feed(piece)).join('') + mask.end()
}

describe('what a log may show', () => {
  it('hides a secret in every form in which tools write it', () => {
    const said = ['s3cret/1', encodeURIComponent('s3cret/1'), Buffer.from('ci:s3cret/1').toString('base64')]
    expect(through([`a ${said.join(' ')} b`], [['s3cret/1', 'ci']])).toBe('a *** *** *** b')
  })

  it('hides it wherever the pieces are cut, also in a line without end', () => {
    const text = `start\n${'x'.repeat(9000)}s3cret${'y'.repeat(9000)}s3cret\nend`
    const cuts = fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 20 })
    fc.assert(
      fc.property(cuts, (at) => {
        const ends = [...at.sort((a, b) => a - b), text.length]
        const pieces = ends.map((end, i) => text.slice(ends[i - 1] ?? 0, end))
        const shown = through(pieces, [['s3cret']])
        return !shown.includes('s3cret') && shown === text.replaceAll('s3cret', '***')
      }),
    )
  })

  it('hides the lines of a key', () => {
    const key = '-----BEGIN KEY-----\nabcdefghijklmnopqrstuvwxyz\n-----END KEY-----\n'
    expect(through(['x\nabcdefghijklmnopqrstuvwxyz\n'], [[key]])).toBe('x\n***\n')
  })

  it('hides a secret of one line that is stored with its end of line', () => {
    expect(through(['a s3cret b\n'], [['s3cret\n']])).toBe('a *** b\n')
    expect(through(['a s3cret b\n'], [['s3cret\r\n']])).toBe('a *** b\n')
  })

  it('hides the short lines of a longer one, wherever the pieces are cut', () => {
    const secret = 'user=deploy\npassword=hunter22\n'
    expect(through(['user=deploy\n', 'password=hunter22 x\n'], [[secret]])).toBe('***\n*** x\n')
  })

  it('hides a secret that only shows once control characters are gone', () => {
    expect(through(['a s3\x00cr\x1b[0met b\x1b[31ms3cret\n'], [['s3cret']])).toBe('a *** b***\n')
  })

  it('leaves no control character, wherever the pieces are cut', () => {
    const part = fc.constantFrom(
      '\x1b[31m',
      '\x1b]0;t\x07',
      '\x1b',
      '\x9b',
      '\r',
      '\0',
      '\x7f',
      'a',
      's3cret',
      '\n',
      'x'.repeat(9000),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (pieces) => {
        const shown = through(pieces, [['s3cret']])
        expect(shown).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
        expect(shown).not.toContain('s3cret')
      }),
    )
  })

  it('keeps terminals safe', () => {
    const said = 'a\x1b[31mred\x1b[0m\x1b]0;title\x07b\r\nc\rd\x00\x08e\tf\x9b'
    expect(through([said], [])).toBe('aredb\nc\nde\tf')
  })

  describe('hides the lines of a longer secret that are short', () => {
    const secret = '{\n  "pin": "4711",\n  "user": "root",\n  "on": true\n}\nhunter2\nK9=='
    it('where they stand alone, and not within other words', () => {
      expect(through(['hunter2 (hunter2) "hunter2" ghunter2 hunter21\n'], [[secret]])).toBe(
        '*** (***) "***" ghunter2 hunter21\n',
      )
      expect(through(['pin is 4711 K9==\n'], [[secret]])).toBe('pin is *** ***\n')
    })
    it('and leaves what says nothing', () => {
      const said = 'root { } true "root" 1\n'
      expect(through([said], [[secret]])).toBe(said)
    })
  })

  describe('hides base64 of it', () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    it('wherever in a longer text it stands, in either alphabet', () => {
      const text = fc.string({ minLength: 8, maxLength: 60, unit: fc.constantFrom(...'abcXYZ019?>~ÿ') })
      fc.assert(
        fc.property(text, fc.string({ maxLength: 7 }), fc.string({ maxLength: 7 }), (secret, before, after) => {
          for (const alphabet of ['base64', 'base64url'] as const) {
            const said = Buffer.from(before + secret + after).toString(alphabet)
            const shown = through([`${said}\n`], [[secret]])
            expect(Buffer.from(shown.replace('***', ''), 'base64').toString('latin1')).not.toContain(secret)
            expect(shown).toContain('***')
          }
        }),
      )
    })
    it('in lines of any width', () => {
      const key = Array.from({ length: 40 }, (_, i) => `line ${i} of a key`).join('\n')
      for (const width of [16, 64, 76]) {
        const lines = base64(`${key}\n`).match(new RegExp(`.{1,${width}}`, 'g')) ?? []
        const shown = through([`${lines.join('\n')}\n`], [[key]])
        expect(shown.replaceAll('***', '').replaceAll('\n', '').length).toBeLessThan(24)
      }
    })
    it('and leaves other hashes alone', () => {
      const said = `sha256:${'0123456789abcdef'.repeat(4)} ${base64('nothing of the kind here')}\n`
      expect(through([said], [['s3cret-of-some-length']])).toBe(said)
    })
  })

  it.each([
    ['percent', encodeURIComponent],
    ['percent, in small letters', (text: string) => encodeURIComponent(text).replace(/%../g, (x) => x.toLowerCase())],
    ['a form', (text: string) => new URLSearchParams({ '': text }).toString().slice(1)],
    ['JSON', (text: string) => JSON.stringify(text)],
    ['JSON in JSON', (text: string) => JSON.stringify({ text })],
    ['a shell', (text: string) => `'${text.replaceAll("'", "'\\''")}'`],
    ['HTML', (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)],
    ['hex', (text: string) => Buffer.from(text).toString('hex')],
  ])('hides it as %s writes it', (_, write) => {
    for (const secret of ['a/b&c=d "e" \'f\' <g>', 'pässwörd 1%', 'x'.repeat(20)]) {
      const shown = through([`said ${write(secret)}.\n`], [[secret]])
      expect(shown).toContain('***')
      expect(shown).not.toContain(write(secret))
    }
  })

  it('takes secrets of any size', () => {
    const secret = '&"\\'.repeat(3333)
    const key = Array.from({ length: 1400 }, (_, i) => `${'&'.repeat(i % 67)}${i}`).join('\n')
    expect(through([`a ${secret} b\n`], [[secret], [key]])).toBe('a *** b\n')
    expect(through([`${JSON.stringify(key)} ${encodeURIComponent(secret)}`], [[key], [secret]])).toBe('"***" ***')
  })

  it('takes no longer for secrets that were made to be slow', () => {
    const secret = '\\'.repeat(5000)
    expect(through([`${'\\'.repeat(20_000)}x\n`], [[secret]])).not.toContain(secret)
  })
})
