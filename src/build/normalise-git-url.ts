/** Where a source is: an address for git, and what it said besides of ref and directory. */
export type GitSource = { url: string; ref: string | null; subdir: string | null }

/**
 * Reads an address of a source repository in the forms that provenance, annotations and people write, and gives it as https, as git
 * can fetch it without a key: `git+https://…@REF` (SPDX), `URL#REF:DIR` and `URL?ref=&subdir=` (BuildKit), `git@host:path`, `ssh://`
 * and `git://` without a port, a forge's page of a tree or file. What is none of them is left as it is.
 */
export function normaliseGitUrl(said: string): GitSource {
  const text = said.trim().replace(/^git\+/i, '')
  const [address = '', fragment = ''] = split(text, '#')
  const [ofFragment, ofFragmentDir] = split(fragment, ':')
  const spdx = /^([a-z]+:\/\/[^/]+\/[^@]*[^@/])@([^@]+)$/i.exec(address)
  const [bare = '', search = ''] = split(spdx?.[1] ?? address, '?')
  const query = new URLSearchParams(search)
  const asked = (...names: string[]) => names.map((name) => query.get(name)).find((value) => value) ?? null
  const page = ofPage(asHttps(bare.replace(/\/+$/, '')))
  return {
    url: page.url,
    ref: shortRef(
      asked('checksum', 'commit') ?? (ofFragment || spdx?.[2] || asked('ref', 'tag', 'branch') || page.ref),
    ),
    subdir: ofFragmentDir || asked('subdir') || page.subdir,
  }
}

const split = (text: string, at: string): [string, string?] => {
  const i = text.indexOf(at)
  return i < 0 ? [text] : [text.slice(0, i), text.slice(i + 1)]
}

/** An address with a port of its own stays: https is somewhere else then. */
function asHttps(text: string): string {
  const scp = /^[A-Za-z0-9._-]+@([A-Za-z0-9.-]+):(?!\/\/)\/?([^:]+)$/.exec(text)
  if (scp) return `https://${scp[1]}/${scp[2]}`
  const plain = /^(?:ssh|git):\/\/(?:[^@/]+@)?([^/:]+)\/(.+)$/i.exec(text)
  if (plain) return `https://${plain[1]}/${plain[2]}`
  return /^[a-z0-9-]+(\.[a-z0-9-]+)+\/[^\s/]+\/[^\s]+$/i.test(text) ? `https://${text}` : text
}

/** `https://host/o/r/tree/REF/dir` as GitHub and Gitea write it, `/-/tree/` as GitLab; of a file its directory. */
function ofPage(url: string): GitSource {
  const gitlab = /^(https?:\/\/[^/]+\/.+?)\/-\/(tree|blob)\/([^/]+)(?:\/(.*))?$/i.exec(url)
  const found = gitlab ?? /^(https?:\/\/[^/]+\/[^/]+\/[^/]+)\/(tree|blob)\/([^/]+)(?:\/(.*))?$/i.exec(url)
  if (!found) return { url, ref: null, subdir: null }
  const [, repository = '', kind, ref = '', path = ''] = found
  const dir = kind === 'blob' ? path.split('/').slice(0, -1).join('/') : path
  return { url: repository, ref, subdir: dir === '' ? null : dir }
}

const shortRef = (ref: string | null): string | null => (ref ? ref.replace(/^refs\/(heads|tags)\//, '') : null)
