/** Drydock's API as far as the demo looks at it; the full shapes are in docs/openapi.json. */
export type Cause = {
  base: string
  from: string | null
  to: string
  evidence: string[]
  confidence: string
  via: string | null
}
export type OutdatedTag = { ref: string; causes: Cause[] }
export type TagView = {
  ref: string
  status: string | null
  digest: string | null
  platforms: { bases: { ref: string | null }[] }[]
}
export type BuildView = {
  id: string
  ref: string
  state: string
  startedAt: string | null
  finishedAt: string | null
  digest: string | null
  error: { code?: string; message?: string } | null
}
export type MailView = { messageId: string; state: string; to: string }

/** A client of a running service. A status of 400 and above is an error that names the call, but `find`: null where there is nothing. */
export function tracker(url: string, token: string) {
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    return fetch(`${url}/api/v1${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }
  async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await call(method, path, body)
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`)
    return (text === '' ? null : JSON.parse(text)) as T
  }
  const items = async <T>(path: string) => (await json<{ items: T[] }>('GET', path)).items
  return {
    put: (path: string, body: unknown) => json<unknown>('PUT', path, body),
    outdated: () => items<OutdatedTag>('/outdated?limit=100'),
    builds: () => items<BuildView>('/builds?limit=100'),
    mails: () => items<MailView>('/mails?limit=100'),
    async find(ref: string): Promise<TagView | null> {
      const response = await call('GET', `/tags/${encodeURIComponent(ref)}`)
      if (response.status === 404) return null
      if (!response.ok) throw new Error(`GET /tags/${ref}: ${response.status} ${(await response.text()).slice(0, 300)}`)
      return (await response.json()) as TagView
    },
  }
}

export type Tracker = ReturnType<typeof tracker>
