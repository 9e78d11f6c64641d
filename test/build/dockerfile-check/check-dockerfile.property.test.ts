// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { checkDockerfile } from '../../../src/build/dockerfile-check/check-dockerfile.ts'
import { type Dialect, lookupsOf } from './docker-reader.ts'

const own = `h.io/own@sha256:${'a'.repeat(64)}`
const evil = `h.io/evil@sha256:${'b'.repeat(64)}`
const allowed = new Map([[own, []]])

const isAccepted = (text: string): boolean => {
  try {
    checkDockerfile(text, allowed)
    return true
  } catch {
    return false
  }
}

const dialects: Dialect[] = (['none', 'tight', 'loose', 'bare'] as const).flatMap((heredocs) =>
  [true, false].map((doubledContinues) => ({ heredocs, doubledContinues })),
)

const blank = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(' ', '\t', '  ') },
  { weight: 1, arbitrary: fc.constantFrom('\v', '\f', '\u00a0', '\u0085', '\u2028', '\u2003', '\uFEFF', '\r', '') },
)
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(own, 'x', 'Y', '0', '1') },
  fc.constantFrom(evil, 'scratch', '9ad7ba32825c'),
)
const end = fc.oneof(
  { weight: 12, arbitrary: fc.constant('') },
  fc.constantFrom(' \\', '\\', '\\\\', '\\ \t', '`', '\r'),
)
const mark = fc.constantFrom(
  '',
  ' <<EOF',
  ' << RUN',
  ' <<-"USER"',
  " '<<RUN'",
  ' $((1<<2))',
  ' 3<<RUN',
  ' "a <<EOF"',
  ' <<<RUN',
  ' <<<"${X%%-*}"',
  ' ${X:-<<RUN}',
  ' ${X:-a <<RUN}',
  ' <$Y<RUN',
  ' \\<\\<RUN',
  ' "$X<$Y<RUN"',
  ' <<${X:-RUN}',
  ' $((1<<${X:-4}))',
)
const keyword = (word: string) => fc.constantFrom(word, word, word.toLowerCase())
const line = fc
  .oneof(
    {
      weight: 3,
      arbitrary: fc.tuple(
        fc.constant(''),
        keyword('FROM'),
        blank,
        name,
        fc.constantFrom('', ' AS x', '\tas\ty', ' AS Y'),
      ),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(
        fc.constantFrom('', '', ' ', '\v', '\u00a0'),
        keyword('COPY'),
        blank,
        fc.constantFrom('--from=', '--"from"=', '--link --from=', '--chown=à--from='),
        name,
        fc.constant(' a b'),
        mark,
      ),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(
        keyword('RUN'),
        blank,
        fc.constantFrom('--mount=type=bind,from=', '--mount=FROM=', 'echo from='),
        name,
        fc.constant(',target=/t true'),
        mark,
      ),
    },
    { weight: 3, arbitrary: fc.tuple(keyword('RUN'), fc.constantFrom(' cat', ' x'), mark, mark) },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        'EOF',
        'RUN',
        'USER',
        '\tUSER',
        'USER root',
        'RUN true',
        '# a comment',
        '  # escape=`',
        '',
        '\u00a0',
        'apt-get x',
        'RUN"',
        '2))',
      ),
    },
  )
  .map((parts) => (Array.isArray(parts) ? parts.join('') : parts))
const head = fc.constantFrom('', '', '# escape=`\n', '# x\n# escape=`\n', '\uFEFF', '# escape=\\\n')
const file = fc
  .tuple(head, fc.constant(`FROM ${own} AS x\n`), fc.array(fc.tuple(line, end), { maxLength: 9 }))
  .map(([top, first, lines]) => top + first + lines.map(([text, last]) => `${text}${last}\n`).join(''))

describe('whatever the check accepts', () => {
  it('names nothing else, by a reading that was written apart from it, of any parser of Docker', () => {
    let accepted = 0
    fc.assert(
      fc.property(file, (text) => {
        if (!isAccepted(text)) return
        accepted++
        for (const dialect of dialects)
          for (const found of lookupsOf(text, dialect) ?? []) expect([found, allowed.has(found)]).toEqual([found, true])
      }),
      { numRuns: 2500 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  it('names nothing else behind a heredoc that variables or escapes make', () => {
    const hidden = fc.constantFrom(
      ' ${X:-<<RUN}',
      ' <$Y<RUN',
      ' \\<\\<RUN',
      ' ${X:-a <<RUN }',
      ' <<${X:-RUN}',
      ' <<<"${X%-}"',
      '',
    )
    // All of them are a file to a parser that sees the first heredoc, and to one that sees the second alone.
    const lines = fc.subarray(['RUN <<USER', 'apt-get x', 'RUN', `COPY --from=${evil} a b`, 'USER'])
    let accepted = 0
    fc.assert(
      fc.property(hidden, lines, (mark, rest) => {
        const text = [`FROM ${own}`, `RUN cat${mark}`, ...rest, ''].join('\n')
        if (!isAccepted(text)) return
        accepted++
        for (const dialect of dialects) expect(lookupsOf(text, dialect) ?? []).not.toContain(evil)
      }),
      { numRuns: 1000 },
    )
    expect(accepted).toBeGreaterThan(20)
  })

  it('is what was accepted before, with the ends of lines and blanks that people use', () => {
    const plain = fc.array(
      fc.constantFrom(
        'RUN a \\\n  # c\n\n  && b',
        'COPY --from=x a b',
        'ENV A=b',
        'RUN <<EOF\nno instruction\nFROM it\nEOF',
        '# é',
        '',
      ),
    )
    fc.assert(
      fc.property(plain, fc.boolean(), fc.boolean(), (lines, crlf, bom) => {
        const text = `${bom ? '\uFEFF' : ''}FROM ${own} AS x\nFROM x\n${lines.join('\n')}\n`
        expect(isAccepted(crlf ? text.replaceAll('\n', '\r\n') : text)).toBe(true)
      }),
    )
  })
})
