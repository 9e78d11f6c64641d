import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { apiApp } from '../../src/api/app.ts'
import type { Config } from '../../src/config.ts'
import type { Deps } from '../../src/deps.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import type { TestDatabase } from '../support/postgres.ts'

/** The real app at its own public address. `api`: the same service at another one, for calls by token. */
export type TestPages = { d: Deps; url: string; api: TestApi; close: () => Promise<void> }

/** A server on a port of its own whose listener is made once its address is known. */
export async function listening(make: (url: string) => RequestListener): Promise<{ url: string; server: Server }> {
  let listener: RequestListener | undefined
  const server = createServer((request, response) => listener?.(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  listener = make(url)
  return { url, server }
}

export const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

export async function startPages(pg: TestDatabase, more: Partial<Config> = {}): Promise<TestPages> {
  const api = await startApi(pg)
  let d = api.d
  const { url, server } = await listening((own) => {
    d = { ...api.d, config: { ...api.d.config, publicUrl: own, ...more } }
    return apiApp(d, { web: true })
  })
  return {
    ...{ d, url, api },
    async close() {
      await closed(server)
      await api.close()
    },
  }
}

/** A form as a browser sends it from our own page, following nothing. */
export const post = (
  { url }: Pick<TestPages, 'url'>,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { origin: url, ...headers },
    redirect: 'manual',
  })

/** The session's cookie as a browser sends it; empty where none was set. */
export const sessionIn = (response: Response): string =>
  response.headers
    .getSetCookie()
    .find((line) => /^drydock_session=[^;]/.test(line))
    ?.split(';')[0] ?? ''
