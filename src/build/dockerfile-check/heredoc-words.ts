import { type Lexer, wordsOf } from './words-of.ts'

/** What may end a heredoc: a line that is `name`, tabs before it left out where `chomp`. */
export type HeredocEnd = { name: string; chomp: boolean }

/** As each of Docker's parsers since 2021 takes an instruction apart, and more: whatever they differ in is here in every way that it may go together. */
export const lexers: readonly Lexer[] = ways(
  [true, false].map((keepsEscapes) => ({ keepsEscapes, keepsQuotes: true })),
  [true, false].map((takesBlanks) => ({ takesBlanks })),
)
/** The same for a heredoc's name, where quotes and escapes are gone. */
const nameLexers = ways([{ keepsEscapes: false, keepsQuotes: false }], [{ takesBlanks: false }])

function ways<A, B>(
  some: readonly A[],
  others: readonly B[],
): (A & B & Pick<Lexer, 'keepsVariables' | 'innerEscapes'>)[] {
  const inner = (['all', 'patterns', 'none'] as const).map((innerEscapes) => ({ innerEscapes }))
  const variables = [true, false].map((keepsVariables) => ({ keepsVariables }))
  return some.flatMap((a) =>
    others.flatMap((b) => inner.flatMap((c) => variables.map((d) => ({ ...a, ...b, ...c, ...d })))),
  )
}

/**
 * The heredocs that one of Docker's parsers finds in an instruction, in order, each with what may be its name; none where it stumbles over a quote or
 * variable, as it then looks for none. A heredoc is a word like `3<<-NAME` that has no other `<`: so a here-string (`<<<`) is none.
 * After heredocsFromLine and heredocFromMatch in frontend/dockerfile/parser/parser.go of moby/buildkit.
 */
export function heredocWords(instruction: string, lexer: Lexer): HeredocEnd[][] {
  return (wordsOf(instruction, lexer) ?? []).flatMap((word) => {
    const [, dash, rest = ''] = /^\d*<<(-?)[\t\n\f\r ]*([^<]*)$/.exec(word) ?? []
    if (dash === undefined || rest === '') return []
    const names = nameLexers.flatMap((other) => {
      const words = wordsOf(rest, other)
      return words?.length === 1 ? words : []
    })
    return names.length === 0 ? [] : [[...new Set(names)].map((name) => ({ name, chomp: dash === '-' }))]
  })
}
