/**
 * How names stand in texts, as sources of patterns that are used without regard to capitals: as they are written, or percent-encoded, as in
 * links. Grammar: https://github.com/distribution/distribution/blob/main/reference/regexp.go
 */
export const slash = '(?:/|%2F)'
export const colon = '(?::|%3A)'
/** A part of a path. */
export const word = '[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*'
export const tag = `${colon}[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?`
export const digest = `(?:@|%40)[A-Za-z0-9+._-]+${colon}[0-9a-fA-F]{32,}`
/** In front of what begins right behind a percent-encoded character. */
export const behindEncoded = '(?<=%[0-9A-Fa-f]{2})'

const encodings: Record<string, string> = { '[': '(?:\\[|%5B)', ']': '(?:\\]|%5D)', ':': colon }

/** The pattern of a registry's host. */
export const hostPattern = (host: string): string =>
  host.replace(/[\\^$.*+?()|{}[\]:]/g, (sign) => encodings[sign] ?? `\\${sign}`)

export const decoded = (text: string): string =>
  text.replace(/%2F/gi, '/').replace(/%3A/gi, ':').replace(/%40/g, '@').replace(/%5B/gi, '[').replace(/%5D/gi, ']')
