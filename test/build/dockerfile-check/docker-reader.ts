/**
 * Which of Docker's parsers is followed: whether it knows heredocs, and with a blank before their names, or after variables and escapes are gone;
 * whether two escapes continue a line.
 */
export type Dialect = { heredocs: 'none' | 'tight' | 'loose' | 'bare'; doubledContinues: boolean }

/** What a daemon would look up by name: null where the parser refuses the file before anything runs. */
export type Lookups = string[] | null

const keywords = new Set(
  'add arg cmd copy entrypoint env expose from healthcheck label maintainer onbuild run shell stopsignal user volume workdir'.split(
    ' ',
  ),
)
const isSpace = (char: string) =>
  /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/.test(char)
const trimLeft = (text: string) => {
  let i = 0
  while (i < text.length && isSpace(text[i]!)) i++
  return text.slice(i)
}
const trim = (text: string) => [...trimLeft([...trimLeft(text)].reverse().join(''))].reverse().join('')

/**
 * A second reading of Dockerfiles, written from Docker's parser and dispatcher and from nothing of ours, for one dialect at a time: which names
 * of images it comes to, other than stages that stand before and scratch. `\` is the escape character unless the first line says otherwise.
 */
export function lookupsOf(text: string, dialect: Dialect): Lookups {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.replace(/\r+$/, ''))
  const escapeChar = /^#\s*escape\s*=\s*`\s*$/i.test(lines[0] ?? '') ? '`' : '\\'
  const names: string[] = []
  const stages: string[] = []
  for (let i = 0; i < lines.length; ) {
    let line = trimLeft(lines[i++]!)
    if (line === '' || line[0] === '#') continue
    let instruction = ''
    for (;;) {
      const end = line.replace(/[ \t]+$/, '')
      const goes = end.endsWith(escapeChar) && (dialect.doubledContinues || end.at(-2) !== escapeChar)
      instruction += goes ? end.slice(0, -1) : line
      if (!goes) break
      while (i < lines.length && /^(#|$)/.test(trimLeft(lines[i]!))) i++
      if (i >= lines.length) break
      line = lines[i++]!
    }
    const [keyword, flags, rest] = split(instruction)
    if (!keywords.has(keyword)) return null
    for (const { name, chomp } of ['run', 'copy', 'add'].includes(keyword)
      ? heredocs(instruction, rest, dialect)
      : []) {
      while (i < lines.length && (chomp ? lines[i]!.replace(/^\t+/, '') : lines[i]) !== name) i++
      if (i++ >= lines.length) return null
    }
    if (keyword === 'from') {
      const [name = '', as = '', stage = ''] = rest.split(/[\t\v\f\r ]+/)
      if (name !== 'scratch' && !stages.includes(name.toLowerCase())) names.push(name)
      stages.push(as.toLowerCase() === 'as' ? stage.toLowerCase() : '')
      continue
    }
    for (const flag of flags) {
      const before = stages.slice(0, -1)
      const mounted = keyword === 'run' && flag.startsWith('--mount=') ? flag.slice(8).split(',') : []
      const from = mounted.filter((field) => /^from=/i.test(field)).map((field) => field.slice(5))
      const copied = keyword === 'copy' && flag.startsWith('--from=') ? flag.slice(7) : ''
      // A number is a stage to COPY alone.
      if (/^\d+$/.test(copied)) {
        if (Number(copied) >= before.length) names.push(copied)
      } else if (copied !== '') from.push(copied)
      names.push(...from.filter((name) => name !== 'scratch' && !before.includes(name.toLowerCase())))
    }
  }
  return names
}

/** Keyword, flags and arguments, byte by byte as Go takes a string apart. */
function split(instruction: string): [string, string[], string] {
  const [, keyword = '', gap = '', after = ''] = /^([^\t\v\f\r ]*)([\t\v\f\r ]*)([\s\S]*)$/.exec(trim(instruction))!
  const bytes = gap === '' ? '' : Buffer.from(after).toString('latin1')
  const flags: string[] = []
  let i = 0
  for (;;) {
    while (i < bytes.length && isSpace(bytes[i]!)) i++
    if (bytes.slice(i, i + 2) !== '--') break
    let word = ''
    for (let quote = ''; i < bytes.length && (quote !== '' || !isSpace(bytes[i]!)); i++) {
      const char = bytes[i]!
      if (quote === '' && (char === '"' || char === "'")) quote = char
      else if (char === quote) quote = ''
      else if (char === '\\') word += bytes[++i] ?? ''
      else word += char
    }
    if (word === '--') break
    flags.push(word)
  }
  return [keyword.toLowerCase(), flags, trim(Buffer.from(bytes.slice(i), 'latin1').toString())]
}

function heredocs(whole: string, rest: string, { heredocs }: Dialect): { name: string; chomp: boolean }[] {
  if (heredocs === 'none' || isJson(rest)) return []
  // As much of a shell as the generated files need.
  const instruction =
    heredocs === 'bare'
      ? whole.replaceAll(/\$\{X:-([^}]*)\}|\$\{X%[^}]*\}|\$\w+|\\(.)/g, (_, value, escaped) => value ?? escaped ?? '')
      : whole
  const found: { name: string; chomp: boolean }[] = []
  let word = ''
  const ended = () => {
    const [, dash, name] = /^\d*<<(-?)\s*([^<]+)$/.exec(word) ?? []
    if (name !== undefined) found.push({ name: name.replaceAll(/["']/g, ''), chomp: dash === '-' })
    word = ''
  }
  let quote = ''
  for (let i = 0; i < instruction.length; i++) {
    const char = instruction[i]!
    if (quote === '' && isSpace(char)) {
      if (heredocs === 'loose' && /<<-?$/.test(word) && !/<<<$/.test(word)) continue
      ended()
      continue
    }
    word += char
    if (char === quote) quote = ''
    else if (quote === '' && (char === '"' || char === "'")) quote = char
    else if (quote !== "'" && char === '\\') word += instruction[++i] ?? ''
  }
  if (quote !== '') return []
  ended()
  return found
}

function isJson(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text))
  } catch {
    return false
  }
}
