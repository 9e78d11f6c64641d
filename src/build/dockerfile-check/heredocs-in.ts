/** What may end a heredoc: a line that is `name`, tabs before it left out where `chomp`. */
export type HeredocEnd = { name: string; chomp: boolean }

/**
 * Each `<<` of an instruction in order, with every name that any of Docker's parsers may wait for there. More than any one of them sees,
 * wherever it stands (quotes, arithmetic, JSON): a name that no line bears costs nothing. Never less.
 * After heredocsFromLine and shell.Lex of moby/buildkit.
 */
export function heredocsIn(text: string): HeredocEnd[][] {
  return [...text.matchAll(/<<(-?)/g)].map((found) => {
    const chomp = found[1] === '-'
    const rest = text.slice(found.index + found[0].length)
    const names = namesAt(rest).flatMap((name) => [
      { name, chomp },
      // a variable that is empty may stand before the dash
      ...(name.startsWith('-') ? [{ name: name.slice(1), chomp: true }] : []),
    ])
    return names.filter(({ name }) => name !== '')
  })
}

/** True where a variable's own words, an escape or a rare blank may make a heredoc or its name: no list of names is then whole. */
export const hasHiddenHeredoc = (text: string): boolean =>
  text.includes('<') &&
  (isJoined(text) ||
    text.split('}').some((piece) => within(piece, '${', (rest) => rest.includes('<<'))) ||
    text.split(/\s/).some((word) => within(word, '<<', (rest) => /\$\{\w*(?:[^\w}]|$)/.test(rest))) ||
    (text.includes('<<') && /[^\S \t]|\u0085/.test(text)))

/** What follows the first `mark`, judged; false where there is none. */
function within(text: string, mark: string, judge: (rest: string) => boolean): boolean {
  const at = text.indexOf(mark)
  return at >= 0 && judge(text.slice(at + mark.length))
}

/**
 * True where two `<` have nothing between them but escapes and variables. From the end, so that each character is looked at once: `leads` says
 * whether such a run leads on from there to a `<`.
 */
function isJoined(text: string): boolean {
  const leads = new Uint8Array(text.length + 1)
  let [brace, wordEnd] = [-1, text.length]
  for (let i = text.length - 1; i >= 0; i--) {
    const char = text[i]!
    if (char === '}') brace = i
    if (!/\w/.test(char)) {
      if (char === '<') {
        if (text[i + 1] !== '<' && leads[i + 1]) return true
        leads[i] = 1
      } else if (char === '\\') leads[i] = leads[i + 1]!
      else if (char === '$' && text[i + 1] === '{') leads[i] = brace < 0 ? 0 : leads[brace + 1]!
      else if (char === '$' && wordEnd > i + 1) leads[i] = leads[wordEnd]!
      wordEnd = i
    }
  }
  return false
}

function namesAt(rest: string): string[] {
  // Newer parsers pass over blanks between the mark and its name.
  const start = rest.trimStart()
  const bare = /^[^\s<]*/.exec(start)![0]
  const quoted = /^(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s<"'\\])*/.exec(start)![0]
  const names = [bare, quoted].flatMap((name) => [name, unquoted(name), name.replaceAll(/["']/g, '')])
  return [...new Set(names.flatMap((name) => [name, name.replaceAll(/\$\{\w*\}|\$\w+/g, '')]))]
}

const unquoted = (word: string): string =>
  word.replace(
    /\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'/g,
    (_, escaped, double, single) => escaped ?? double?.replaceAll(/\\(["$\\])/g, '$1') ?? single ?? '',
  )
