import { withoutEnd } from './blanks.ts'
import { fault } from './fault.ts'

/**
 * The escape characters that a file may have: one where every parser agrees, else both. Directives count at the top of the file only, and
 * some parsers end that at a comment, others at a directive they do not know.
 * Error: `frontend-refused` for a frontend that is not Docker's own, wherever one may be read.
 */
export function readDirectives(lines: readonly string[]): string[] {
  const escapes: string[] = []
  let isSure = true
  for (const [at, line] of lines.entries()) {
    if (!/^\s*(#|\/\/|$)/.test(line)) break
    const [, mark = '', name = '', said = ''] = /^\s*(#|\/\/)\s*(\w+)\s*=(.*)$/s.exec(line.trim()) ?? []
    const value = said.trim()
    if (/^syntax$/i.test(name) && !isFrontendAllowed(value))
      throw fault(at, `the frontend ${value} is not one of docker/dockerfile's`, 'frontend-refused')
    if (/^escape$/i.test(name)) {
      escapes.push(value)
      isSure &&= /^#[ \t]*escape[ \t]*=[ \t]*[\\`]$/i.test(withoutEnd(line, /[ \t]/))
    } else isSure &&= escapes.length > 0 || (mark === '#' && /^#[ \t]*syntax[ \t]*=/i.test(line))
  }
  if (escapes.length === 0) return ['\\']
  return isSure && escapes.length === 1 ? escapes : ['\\', '`']
}

/** Docker's own frontends, as `# syntax=` and BUILDKIT_SYNTAX name them. */
export const isFrontendAllowed = (text: string): boolean =>
  /^(docker\.io\/)?docker\/dockerfile(-upstream)?(:[A-Za-z0-9_][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/.test(text)
