import { normaliseGitUrl } from '../build/normalise-git-url.ts'

const defaultPorts: Record<string, string> = { 'https:': '443', 'http:': '80', 'ssh:': '22', 'git:': '9418' }

/**
 * What the addresses of one repository have in common, however they are written: host, a port that is not the protocol's own, and path.
 * In lower case, as no forge has two repositories whose names differ by case alone. Null where it is no address with a host.
 */
export function repositoryKey(text: string): string | null {
  if (text.length > 2000) return null
  const { url: said } = normaliseGitUrl(text)
  if (!URL.canParse(said)) return null
  const url = new URL(said)
  const path = url.pathname.replace(/^\/+|\/+$/g, '').replace(/\.git$/i, '')
  if (url.hostname === '' || path === '') return null
  const port = url.port === '' || url.port === defaultPorts[url.protocol] ? '' : `:${url.port}`
  return `${url.hostname}${port}/${path}`.toLowerCase()
}
