import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

/**
 * The part of a Git LFS server that downloads need, for any repository on it: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
 * Content is given by id.
 */
export type LfsStore = {
  /** keeps content and gives its pointer, as a file of a repository has it */
  add: (content: string) => string
  /** where downloads are sent to: another host than the repository's, or null for the same */
  downloadFrom: string | null
  /** what a download is to say besides, as servers do that give a token of their own */
  downloadHeader: Record<string, string> | null
  /** true where it answered */
  answer: (origin: string, request: IncomingMessage, response: ServerResponse) => boolean
}

export function makeLfsStore(): LfsStore {
  const objects = new Map<string, string>()
  const batch = async (origin: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = JSON.parse(await text(request)) as { objects: { oid: string; size: number }[] }
    const header = store.downloadHeader ? { header: store.downloadHeader } : {}
    const answered = asked.objects.map(({ oid, size }) =>
      objects.has(oid)
        ? { oid, size, actions: { download: { href: `${origin}/lfs/${oid}`, ...header } } }
        : { oid, size, error: { code: 404, message: 'Object does not exist' } },
    )
    const type = 'application/vnd.git-lfs+json'
    response.writeHead(200, { 'content-type': type }).end(JSON.stringify({ transfer: 'basic', objects: answered }))
  }
  const store: LfsStore = {
    downloadFrom: null,
    downloadHeader: null,
    add(content) {
      const oid = createHash('sha256').update(content).digest('hex')
      objects.set(oid, content)
      return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${Buffer.byteLength(content)}\n`
    },
    answer(origin, request, response) {
      const path = request.url ?? ''
      const content = objects.get(path.slice('/lfs/'.length))
      if (path.endsWith('.git/info/lfs/objects/batch')) void batch(store.downloadFrom ?? origin, request, response)
      else if (path.startsWith('/lfs/') && content !== undefined) response.writeHead(200).end(content)
      else return false
      return true
    },
  }
  return store
}
