import { leavesItsPath } from './git-url.ts'

/** How git takes an address without a scheme: over ssh, the path behind a colon. */
const scpLike = /^([A-Za-z0-9._-]+@[A-Za-z0-9.-]+):(?!\/\/)\/?([^:]*)$/

/** What somebody wrote as the prefix of a credential, as it is stored: `git@host:path` is `ssh://git@host/path`. */
export const asUrlPrefix = (text: string): string =>
  text.replace(scpLike, 'ssh://$1/$2').replace(/^[a-z]+(?=:\/\/)/i, (scheme) => scheme.toLowerCase())

/** True where `text` can be the prefix of a credential: an absolute URL of http, https or ssh without password, query or "..", and but for ssh without user. */
export function isUrlPrefix(text: string): boolean {
  if (/\s/.test(text) || !/^(https?|ssh):\/\//.test(text) || !URL.canParse(text)) return false
  const url = new URL(text)
  const plain = (url.username === '' || url.protocol === 'ssh:') && url.password === ''
  return plain && url.search === '' && url.hash === '' && url.hostname !== '' && !leavesItsPath(text)
}

/**
 * True where `url` lies under `prefix`: same protocol, host and port, the same user where the prefix names one, and its path equal to the prefix's or below it, at a
 * segment's border (`https://h/team` covers `/team/x` and `/team`, never `/teamwork`). A credential goes nowhere else.
 */
export function isUnderPrefix(url: string, prefix: string): boolean {
  if (!isUrlPrefix(prefix) || !URL.canParse(url) || leavesItsPath(url)) return false
  const asked = new URL(url)
  const allowed = new URL(prefix)
  if (asked.protocol !== allowed.protocol || asked.hostname.toLowerCase() !== allowed.hostname.toLowerCase())
    return false
  if (portOf(asked) !== portOf(allowed)) return false
  if (allowed.username !== '' && asked.username !== allowed.username) return false
  const border = allowed.pathname.endsWith('/') ? allowed.pathname : `${allowed.pathname}/`
  return asked.pathname === allowed.pathname || asked.pathname.startsWith(border) || border === '/'
}

const defaultPorts: Record<string, string> = { 'https:': '443', 'http:': '80', 'ssh:': '22' }
const portOf = (url: URL): string => url.port || (defaultPorts[url.protocol] ?? '')
