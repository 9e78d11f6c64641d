/** One way to log in that a 401 offers. `scheme` and the names of `parameters` are in lower case. */
export type Challenge = { scheme: string; parameters: Readonly<Record<string, string>> }

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const parameter = new RegExp(`^(${token})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s",]+))`)
const scheme = new RegExp(`^(${token})(?:[ \\t]+|(?=,|$))`)
/** `Negotiate abc==`: credentials instead of parameters. */
const token68 = /^[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/

/**
 * Reads `WWW-Authenticate`: several challenges in one header, quoted values with commas and escapes (`scope="repository:a:pull,push"`),
 * unquoted ones. What cannot be read is passed over. https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  const separators = /^[\s,]+/
  let rest = header.replace(separators, '')
  for (; rest !== ''; rest = rest.replace(separators, '')) {
    const current = challenges.at(-1)
    const named = current && parameter.exec(rest)
    if (named) {
      current.parameters[named[1]!.toLowerCase()] = named[2]?.replace(/\\(.)/g, '$1') ?? named[3]!
      rest = rest.slice(named[0].length)
      continue
    }
    const begun = scheme.exec(rest)
    if (!begun) {
      rest = rest.replace(/^[^,]+/, '')
      continue
    }
    challenges.push({ scheme: begun[1]!.toLowerCase(), parameters: {} })
    rest = rest.slice(begun[0].length)
    if (!parameter.test(rest)) rest = rest.replace(token68, '')
  }
  return challenges
}
