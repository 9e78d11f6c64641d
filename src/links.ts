/** Pages of ours, below the public URL or a path. Links of mails, channels and Portus lead to them: they ask people to sign in. */

/** A tag: what it is outdated by, and what becomes of it. */
export const tagUrl = (root: string, ref: string): string => `${bare(root)}/tags/${encodeURIComponent(ref)}`

/** A build: how it went, and its log. */
export const buildUrl = (root: string, id: string): string => `${bare(root)}/builds/${id}`

/** A mail. */
export const mailUrl = (root: string, id: string): string => `${bare(root)}/mails/${encodeURIComponent(id)}`

/** One's mails, perhaps those of a state, from a place in the list on. */
export const mailsUrl = (root: string, of: { state?: string | undefined; cursor?: string | undefined } = {}): string =>
  `${bare(root)}/mails${queryOf(of)}`

/** All that is outdated, perhaps by a base, in a namespace. */
export const outdatedUrl = (
  root: string,
  of: { base?: string | undefined; namespace?: string | undefined } = {},
): string => `${bare(root)}/${queryOf(of)}`

function queryOf(of: Record<string, string | undefined>): string {
  const wanted = Object.entries(of).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return wanted.length > 0 ? `?${new URLSearchParams(wanted)}` : ''
}

const bare = (root: string): string => root.replace(/\/+$/, '')
