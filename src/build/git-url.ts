/**
 * A git address as a recipe may hold it. `text` is what git is given; `url` is the same address parsed
 * (`git@host:path` as `ssh://git@host/path`), by which a credential's prefix is compared.
 */
export type GitUrl = { protocol: string; text: string; url: URL }

/** What is wrong with an address, in words for the person who wrote it. */
export type GitUrlFault = { code: 'git-protocol' | 'git-url'; message: string }

const scpLike = /^([A-Za-z0-9._-]+)@([A-Za-z0-9.-]+):(?!\/\/)([^:]+)$/

/**
 * Reads an address and refuses whatever git could take for something else: a remote helper (`ext::sh -c …`), an option,
 * a credential inside the URL, or a path that leaves its own prefix. `protocols` are those that may be used.
 * https://git-scm.com/docs/git-fetch#_git_urls
 */
export function parseGitUrl(text: string, protocols: readonly string[]): GitUrl | GitUrlFault {
  if (text.length > 2000 || /[\s\x00-\x1f\x7f]/.test(text)) return bad('it holds blanks or is too long')
  if (text.startsWith('-')) return bad('it starts with "-"')
  if (/^[A-Za-z0-9+.-]*::/.test(text)) return protocolFault(text.slice(0, text.indexOf(':')), protocols)
  const scp = scpLike.exec(text)
  const full = scp ? `ssh://${scp[1]}@${scp[2]}/${scp[3]}` : text
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(full) || !URL.canParse(full)) return bad('it is no URL')
  const url = new URL(full)
  const protocol = url.protocol.slice(0, -1)
  if (!protocols.includes(protocol)) return protocolFault(protocol, protocols)
  if (url.password !== '' || (protocol !== 'ssh' && url.username !== '')) {
    return bad('it holds a user name or password: store a credential and name it in `git.credential`')
  }
  if (url.search !== '' || url.hash !== '') return bad('it holds "?" or "#"')
  if (protocol !== 'file' && !/^\[?[a-z0-9][a-z0-9.:-]*\]?$/i.test(url.hostname)) return bad('its host is no host name')
  if (leavesItsPath(full)) return bad('its path holds "..", "\\" or an encoded one')
  if (/%([01][0-9a-f]|7f)/i.test(full)) return bad('it holds an encoded control character')
  return { protocol, text: scp ? text : text.replace(/^[^:]+/, protocol), url }
}

/** True where a path says "up": literally, encoded, or with a backslash. Checked on the text, which is what others will read. */
export const leavesItsPath = (text: string): boolean =>
  /(^|[/\\])(\.|%2e){1,2}([/\\]|$)/i.test(text) || /\\|%2f|%5c/i.test(text)

/** A branch, tag or commit as git can be given it: never an option, a refspec or a revision expression. */
export const isGitRef = (text: string): boolean =>
  text.length <= 255 &&
  /^[A-Za-z0-9_][^\s\x00-\x1f\x7f~^:?*[\\]*$/.test(text) &&
  !/\.\.|@\{|\/\/|\/$|\.$|\.lock(\/|$)|\/\./.test(text)

const bad = (why: string): GitUrlFault => ({ code: 'git-url', message: `this is no address to build from: ${why}` })

const protocolFault = (protocol: string, protocols: readonly string[]): GitUrlFault => ({
  code: 'git-protocol',
  message: `git protocol "${protocol}" may not be used here; DRYDOCK_GIT_PROTOCOLS allows ${protocols.join(', ')}`,
})
