/**
 * in: a secret. out: the texts by which tools write it, and what finds them.
 * guarantees: finding takes time in proportion to the text, whatever the secret is; what is no secret by itself (`{`, `true`) is left.
 */

/** `texts` are hidden wherever they stand; `words` only where they stand alone; of `runs` any long piece. */
export type SecretForms = { texts: readonly string[]; words: readonly string[]; runs: readonly string[] }

const hidden = '***'
const shortest = 3
/** what is shorter is hidden only where it stands alone: as a part of other words it would be found everywhere */
const shortestPart = 8
const shortestRun = 12
const shortestCore = 6
/** a pattern of many long texts could be too large for an engine */
const mostInPattern = 256

/** Lines of configuration that say nothing by themselves. */
const common = /^(true|false|null|none|yes|no|on|off|end|name|type|user|root|https?|[^\p{L}\p{N}]*)$/iu

/**
 * The whole text as it is, escaped, and in base64 wherever in a longer text it began; of a text of several lines each line too, and what
 * it gives a name. `username`: it may be said together with it, as HTTP's Basic does.
 */
export function secretForms(secret: string, username = ''): SecretForms {
  const wholes = [...new Set([secret, secret.trim()])]
  const lines = secret.split('\n').map((line) => line.trim())
  const parts = lines.length > 1 && secret.trim().includes('\n') ? lines.flatMap((line) => [line, valueIn(line)]) : []
  const said = parts.filter((part) => part.length >= shortest && !common.test(part))
  // a file ends with a newline, whatever was stored
  const ends = [...wholes, `${secret.trim()}\n`].flatMap(base64Parts)
  const together = wholes.flatMap((text) => [base64(text), base64(`${username}:${text}`)])
  const all = [
    ...wholes.flatMap((text) => [...escaped(text), hex(text), hex(text).toUpperCase()]),
    ...together.flatMap((text) => [text, urlSafe(text), urlSafe(text).replace(/=+$/, '')]),
    ...ends.flatMap(({ core }) => (core.length < shortestCore ? [] : [core, urlSafe(core)])),
    ...said.filter((part) => part.length >= shortestPart).flatMap(escaped),
  ]
  return {
    texts: [...new Set(all)].filter((text) => text.length >= shortest),
    words: [...new Set(said.filter((part) => part.length < shortestPart))],
    runs: [...new Set(ends.map(({ rest }) => rest))].filter((rest) => rest.length >= shortestRun),
  }
}

/** Takes out of a text what the forms of secrets find in it; the longest first. `reach`: characters of the longest. */
export function finderOf(forms: readonly SecretForms[]): { without: (text: string) => string; reach: number } {
  const texts = [...new Set(forms.flatMap((form) => form.texts))].sort((a, b) => b.length - a.length)
  const words = [...new Set(forms.flatMap((form) => form.words))]
  const runs = [...new Set(forms.flatMap((form) => form.runs))]
  const long = texts.filter((text) => text.length > mostInPattern)
  const short = texts.filter((text) => text.length <= mostInPattern)
  const anywhere = short.length > 0 ? new RegExp(short.map(literal).join('|'), 'g') : null
  const alone =
    words.length > 0
      ? new RegExp(`(?<![\\p{L}\\p{N}_])(?:${words.map(literal).join('|')})(?![\\p{L}\\p{N}_])`, 'gu')
      : null
  const pieces = (text: string) =>
    text.replaceAll(/[A-Za-z0-9+/_-]{12,}/g, (run) =>
      runs.some((whole) => whole.includes(plainAlphabet(run))) ? hidden : run,
    )
  return {
    reach: texts[0]?.length ?? 1,
    without(text) {
      const some = long.reduce((out, one) => out.replaceAll(one, hidden), text)
      const plain = anywhere ? some.replaceAll(anywhere, hidden) : some
      const rest = alone ? plain.replaceAll(alone, hidden) : plain
      return runs.length > 0 ? pieces(rest) : rest
    },
  }
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

/** What a line `NAME=value`, `name: "value",` gives a name. */
const valueIn = (line: string): string =>
  (/^[^=:]*[=:]\s*(.*)$/.exec(line)?.[1] ?? '').replace(/,$/, '').replace(/^(["'])(.*)\1$/, '$2')

/** As it is, and as URLs, forms, JSON, shells and HTML write it. */
function escaped(text: string): string[] {
  const percent = encodeURIComponent(text.toWellFormed())
  const strict = percent.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const percents = [percent, strict].flatMap((one) => [one, one.replaceAll('%2F', '/')])
  const json = JSON.stringify(text).slice(1, -1)
  return [
    text,
    ...percents.flatMap((one) => [one, one.replaceAll('%20', '+')]).flatMap((one) => [one, lowerHex(one)]),
    ...[json, json.replaceAll('/', '\\/'), json.replace(/[^\x20-\x7e]/g, unicodeEscape)],
    json.replace(/[<>&]/g, unicodeEscape),
    text.replaceAll("'", "'\\''"),
    text.replace(/[^A-Za-z0-9_\n]/g, '\\$&'),
    text.replace(/["\\$`]/g, '\\$&'),
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
    text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`),
  ]
}

const lowerHex = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())
const unicodeEscape = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const hex = (text: string): string => Buffer.from(text).toString('hex')
const urlSafe = (text: string): string => text.replaceAll('+', '-').replaceAll('/', '_')
const plainAlphabet = (text: string): string => text.replaceAll('-', '+').replaceAll('_', '/')

/**
 * The characters of base64 that this text decides, wherever in threes of bytes it begins: `core` whatever follows, `rest` where nothing does.
 */
const base64Parts = (text: string): { core: string; rest: string }[] =>
  [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
    const from = Math.ceil((before * 8) / 6)
    const whole = bytes.toString('base64')
    return { core: whole.slice(from, Math.floor((bytes.length * 8) / 6)), rest: whole.slice(from).replace(/=+$/, '') }
  })
