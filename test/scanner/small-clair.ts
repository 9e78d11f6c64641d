import { type HttpServer, reply, serveHttp } from '../support/http-server.ts'

type Handler = Parameters<typeof serveHttp>[0]
type Vulnerability = {
  Name: string
  NamespaceName: string
  Description: string
  Link: string
  Severity: string
  FixedBy: string
}

/** As Clair 2.1 answers: https://github.com/quay/clair/blob/v2.1.8/Documentation/api_v1.md */
export const cve: Vulnerability = {
  ...{ Name: 'CVE-2014-9471', NamespaceName: 'debian:8', Description: 'parse_datetime in coreutils', Severity: 'Low' },
  ...{ Link: 'https://security-tracker.debian.org/tracker/CVE-2014-9471', FixedBy: '9.23-5' },
}
/** `count` of them, of the size that Debian's have. */
export const cves = (count: number): Vulnerability[] =>
  Array.from({ length: count }, (_, n) => ({
    ...cve,
    Name: `CVE-2017-${n}`,
    Description: `a crafted thing in file ${n} `.repeat(8),
  }))

/** Packages without vulnerabilities, as most of an image are. */
const harmless = 2000

/** What Go's encoding/json reads into a struct with a field of this name: a key of any capitals is taken for it, and the last one counts. */
function asGo(text: string, field: string): Map<string, unknown> {
  const said = Object.entries(JSON.parse(text) as object).filter(([key]) => key.toLowerCase() === field)
  return new Map(said.flatMap(([, of]) => Object.entries(of as object)).map(([key, one]) => [key.toLowerCase(), one]))
}
export type Posted = { name: string; parent: string; path: string; headers: unknown; keys: string[] }

/**
 * Clair 2 as far as Portus uses it: it knows a layer once that was posted, after the one below; it names all packages of an image, and its
 * vulnerabilities, in another order each time (database/pgsql/layer.go of https://github.com/quay/clair/tree/v2.1.8 walks a map).
 * `broken`: it answers so instead; `odd`: of this layer alone. `found`: what it finds in each layer, ten in a package.
 */
export async function smallClair() {
  const posted: Posted[] = []
  const state = { broken: null as Handler | null, odd: new Map<string, Handler>(), found: [cve], gets: 0 }
  const known = (wanted: string) => posted.some(({ name }) => name === wanted)
  const turned = <T>(all: readonly T[]): T[] => {
    const at = state.gets % all.length
    return [...all.slice(at), ...all.slice(0, at)]
  }
  const features = (AddedBy: string) => {
    const of = (Name: string) => ({
      Name,
      NamespaceName: 'debian:8',
      VersionFormat: 'dpkg',
      Version: '8.23-4',
      AddedBy,
    })
    const vulnerable = Array.from({ length: Math.ceil(state.found.length / 10) }, (_, n) => ({
      ...of(`vulnerable${n}`),
      Vulnerabilities: turned(state.found.slice(10 * n, 10 * n + 10)),
    }))
    return turned([...vulnerable, ...Array.from({ length: harmless }, (_, n) => of(`harmless${n}`))])
  }
  const server: HttpServer = await serveHttp((request, response, url) => {
    if (state.broken) return state.broken(request, response, url)
    if (request.method === 'GET') {
      const name = decodeURIComponent(url.pathname.split('/').at(-1)!)
      const odd = state.odd.get(name)
      if (odd) return odd(request, response, url)
      if (!known(name)) return reply(response, 404, { Error: { Message: 'the resource cannot be found' } })
      state.gets++
      return reply(response, 200, { Layer: { Name: name, IndexedByVersion: 3, Features: features(name) } })
    }
    let text = ''
    request.on('data', (part: Buffer) => {
      text += part
    })
    request.on('end', () => {
      const layer = asGo(text, 'layer')
      const [name, parent, path] = ['name', 'parentname', 'path'].map((key) => String(layer.get(key) ?? ''))
      if (parent !== '' && !known(parent!)) return reply(response, 400, { Error: { Message: 'parent is unknown' } })
      posted.push({ name: name!, parent: parent!, path: path!, headers: layer.get('headers'), keys: [...layer.keys()] })
      reply(response, 201, { Layer: {} })
    })
  })
  return Object.assign(server, { posted, state })
}
export type SmallClair = Awaited<ReturnType<typeof smallClair>>
