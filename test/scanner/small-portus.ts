import { type HttpServer, reply, serveHttp } from '../support/http-server.ts'
import { type Found, type Image, portusVisit } from './portus-visit.ts'

type Tag = Image & { id: number; name: string; digest: string; scanned: boolean }
type Row = { name: string; link: string; severity: string; fixedBy: string; description: string }

/**
 * As much of Portus as shows what its scanner finds, after app/models/{vulnerability,scan_result,tag}.rb and
 * lib/portus/background/security_scanning.rb of https://github.com/SUSE/Portus. A vulnerability is one row by its name for all images, and
 * each scan overwrites the rest of it; a scan destroys what was found before, also where it finds nothing or nobody.
 */
export type SmallPortus = HttpServer & {
  push(tag: Image & { name: string; digest: string }): void
  /** Looks at all tags that are to be looked at, once. */
  scan(scannerUrl: string): Promise<void>
  /** What its page of a tag shows. */
  page(repository: string, name: string): Row[]
  /** ids of tags that it was asked to look at again */
  asked: number[]
}

const widest = 255

export async function smallPortus(account = 'boss:t0ken'): Promise<SmallPortus> {
  const tags: Tag[] = []
  const rows = new Map<string, Row>()
  const results = new Map<number, string[]>()
  const asked: number[] = []
  const repositories = () => [...new Set(tags.map(({ repository }) => repository))]

  const server = await serveHttp((request, response, url) => {
    if (request.headers['portus-auth'] !== account) return reply(response, 401, { message: 'no' })
    const [, id] = /^\/api\/v1\/vulnerabilities\/(\d+)$/.exec(url.pathname) ?? []
    if (request.method === 'POST' && id !== undefined) {
      asked.push(Number(id))
      for (const tag of tags) if (tag.id === Number(id)) tag.scanned = false
      return reply(response, 202, 'null')
    }
    if (url.pathname === '/api/v1/repositories')
      return reply(
        response,
        200,
        repositories().map((full, i) => ({ id: i + 1, name: full.split('/').at(-1), full_name: full })),
      )
    const [, of] = /^\/api\/v1\/repositories\/(\d+)\/tags$/.exec(url.pathname) ?? []
    const own = tags.filter(({ repository }) => repository === repositories()[Number(of) - 1])
    reply(
      response,
      200,
      own.map(({ id, name, digest }) => ({ id, name, digest })),
    )
  })

  /** MariaDB's usual collation finds a name whatever its capitals are; a strict one refuses what does not fit. */
  const keep = ({ Name, Link, Severity, FixedBy, Description }: Found): string => {
    for (const text of [Name, Link, Severity, FixedBy, Description])
      if (text.length > widest) throw new Error(`data too long: ${text}`)
    const key = Name.toLowerCase()
    const known = rows.get(key)
    rows.set(key, {
      name: known?.name ?? Name,
      link: Link || (known?.link ?? ''),
      severity: Severity || (known?.severity ?? ''),
      fixedBy: FixedBy || (known?.fixedBy ?? ''),
      description: Description || (known?.description ?? ''),
    })
    return key
  }

  return Object.assign(server, {
    asked,
    push(tag: Image & { name: string; digest: string }) {
      const known = tags.find(({ repository, name }) => repository === tag.repository && name === tag.name)
      if (known) Object.assign(known, tag, { scanned: false })
      else tags.push({ ...tag, id: tags.length + 1, scanned: false })
    },
    async scan(scannerUrl: string) {
      const done = new Set<string>()
      for (const tag of tags.filter(({ scanned }) => !scanned)) {
        if (done.has(tag.digest)) continue
        const found = await portusVisit(scannerUrl, tag).catch((): Found[] => [])
        const keys = found.map(keep)
        for (const same of tags.filter(({ digest }) => digest === tag.digest)) {
          results.set(same.id, keys)
          same.scanned = true
        }
        done.add(tag.digest)
      }
    },
    page(repository: string, name: string) {
      const tag = tags.find((one) => one.repository === repository && one.name === name)
      return (results.get(tag?.id ?? 0) ?? []).map((key) => rows.get(key)!)
    },
  })
}
