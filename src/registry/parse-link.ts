/**
 * The target of the link with `rel="next"` in a `Link` header (RFC 8288), or null. Other links, further parameters, and
 * unquoted or several relations are allowed for. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
 */
export function parseNextLink(header: string): string | null {
  for (const [, target, parameters] of header.matchAll(
    /<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^";,]*))?)*)/g,
  )) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters ?? '')
    const relations = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/)
    if (relations.includes('next')) return target!
  }
  return null
}
