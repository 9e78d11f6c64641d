/** Headers as Node gives them: names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * Where a sender may put the token that it was given: `Authorization: Bearer TOKEN`, `Authorization: TOKEN`, Basic with the token as
 * password (whoever the user), `X-Gitlab-Token`; `url`: as `?token=` in the address, for those that send no header.
 */
export type Carrier = 'bearer' | 'plain' | 'basic' | 'x-gitlab-token' | 'url'

const readers: Record<Exclude<Carrier, 'url'>, (headers: Headers) => string | undefined> = {
  bearer: (headers) => /^Bearer +(\S+) *$/i.exec(textOf(headers.authorization))?.[1],
  plain: (headers) => /^\S+$/.exec(textOf(headers.authorization))?.[0],
  basic: (headers) => passwordOf(/^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(textOf(headers.authorization))?.[1]),
  'x-gitlab-token': (headers) => textOf(headers['x-gitlab-token']),
}

/** What a request shows in its headers, by the carriers that its format knows. */
export const tokensInHeaders = (headers: Headers, carriers: readonly Carrier[]): string[] =>
  carriers.flatMap((carrier) => (carrier === 'url' ? [] : readers[carrier](headers) || []))

/** What it shows in its address. */
export const tokensInUrl = (query: URLSearchParams, carriers: readonly Carrier[]): string[] =>
  carriers.includes('url') ? query.getAll('token').filter((token) => token !== '') : []

const textOf = (value: string | string[] | undefined): string => (typeof value === 'string' ? value : '')

/** https://www.rfc-editor.org/rfc/rfc7617#section-2 */
function passwordOf(encoded: string | undefined): string | undefined {
  const decoded = Buffer.from(encoded ?? '', 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  return colon < 0 ? undefined : decoded.slice(colon + 1)
}
