import { leavesItsPath } from './git-url.ts'

/** True where `text` can be the prefix of a credential: an absolute URL without user, password, query or "..". */
export function isUrlPrefix(text: string): boolean {
  if (/\s/.test(text) || !/^[a-z]+:\/\//i.test(text) || !URL.canParse(text)) return false
  const url = new URL(text)
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  return plain && (url.host !== '' || url.protocol === 'file:') && !leavesItsPath(text)
}

/**
 * True where `url` lies under `prefix`: same protocol, host and port, and its path equal to the prefix's or below it, at a
 * segment's border (`https://h/team` covers `/team/x` and `/team`, never `/teamwork`). A credential goes nowhere else.
 */
export function isUnderPrefix(url: string, prefix: string): boolean {
  if (!isUrlPrefix(prefix) || !URL.canParse(url) || leavesItsPath(url)) return false
  const asked = new URL(url)
  const allowed = new URL(prefix)
  if (asked.protocol !== allowed.protocol || asked.hostname.toLowerCase() !== allowed.hostname.toLowerCase())
    return false
  if (portOf(asked) !== portOf(allowed)) return false
  const border = allowed.pathname.endsWith('/') ? allowed.pathname : `${allowed.pathname}/`
  return asked.pathname === allowed.pathname || asked.pathname.startsWith(border) || border === '/'
}

const defaultPorts: Record<string, string> = { 'https:': '443', 'http:': '80', 'ssh:': '22' }
const portOf = (url: URL): string => url.port || (defaultPorts[url.protocol] ?? '')
