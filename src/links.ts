/** Pages of ours, below the public URL or a path. Links of mails, channels and Portus lead to them: they ask people to sign in. */

/** A tag: what it is outdated by, and what becomes of it. */
export const tagUrl = (root: string, ref: string): string => `${bare(root)}/tags/${encodeURIComponent(ref)}`

/** A build: how it went, and its log. */
export const buildUrl = (root: string, id: string): string => `${bare(root)}/builds/${id}`

/** All that is outdated, perhaps by a base, in a namespace. */
export function outdatedUrl(
  root: string,
  of: { base?: string | undefined; namespace?: string | undefined } = {},
): string {
  const wanted = Object.entries(of).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return `${bare(root)}/${wanted.length > 0 ? `?${new URLSearchParams(wanted)}` : ''}`
}

const bare = (root: string): string => root.replace(/\/+$/, '')
