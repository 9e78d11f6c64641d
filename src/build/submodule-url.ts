/**
 * The address of a submodule, as .gitmodules writes it: absolute ones as they are, `./x` and `../x` from the parent's own address, a
 * `..` a segment. Null where that leads above its host. https://git-scm.com/docs/gitmodules#Documentation/gitmodules.txt-submoduleltnamegturl
 */
export function submoduleUrl(parent: string, url: string): string | null {
  if (!/^\.{1,2}\//.test(url)) return url
  const [, start, path] = /^([a-z][a-z0-9+.-]*:\/\/[^/]*\/|[^/:]+@[^/:]+:)(.*)$/i.exec(parent.replace(/\/+$/, '')) ?? []
  if (start === undefined || path === undefined) return null
  const segments = path.split('/')
  for (const part of url.replace(/\/+$/, '').split('/')) {
    if (part === '.' || part === '') continue
    if (part !== '..') segments.push(part)
    else if (segments.pop() === undefined) return null
  }
  return segments.length === 0 ? null : start + segments.join('/')
}
