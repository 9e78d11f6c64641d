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
})
