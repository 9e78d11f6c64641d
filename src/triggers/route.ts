/**
 * in: POST /v2/webhooks/git/NS from GitHub, GitLab, Gitea or Forgejo; ahead of Express, as the signature is of the body's bytes.
 * out: queued builds of the recipes of that namespace that follow what was pushed.
 * guarantees: nothing is done, and little read, without a right signature; 2xx once the builds are queued; a delivery counts once.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Counter, register } from 'prom-client'
import type { Deps } from '../deps.ts'
import { canonicalHosts, canonicalRef } from '../oci/reference.ts'
import { parseNamespaceKey } from '../people/namespace-key.ts'
import { bodyReader } from './body-reader.ts'
import { formField } from './form-field.ts'
import { gitHookPath, gitHookSecret } from './git-hooks.ts'
import { readGitPush } from './git-push.ts'
import { isAuthentic, isOverBody, isSigned, signedId } from './signature.ts'
import { takePush } from './take-push.ts'

/** As large as GitHub's get: https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap */
const bodyLimit = 25 * 1024 * 1024

type Needs = Pick<Deps, 'config' | 'sql' | 'db' | 'vault' | 'jobs' | 'log' | 'clock'>
type Answer = { status: number; body: object; headers?: Record<string, string> }

/** Answers requests to the git hooks' paths; false where the path is another's. */
export function gitHookRoute(d: Needs): (request: IncomingMessage, response: ServerResponse) => boolean {
  const requests = counter()
  const read = bodyReader()

  async function receive(request: IncomingMessage, namespaceKey: string | null): Promise<Answer> {
    const secret = namespaceKey !== null && isSigned(request.headers) ? await gitHookSecret(d, namespaceKey) : null
    if (namespaceKey === null || secret === null) return refused
    const bytes = await read(request, bodyLimit)
    if (bytes === null) return say(413, `a body has at most ${bodyLimit} bytes`)
    if (!isAuthentic(request.headers, bytes, secret, d.clock())) return refused
    return handle(request, namespaceKey, bytes)
  }

  async function handle(request: IncomingMessage, namespaceKey: string, bytes: Buffer): Promise<Answer> {
    const event = eventOf(request)
    if (event === 'ping') return say(200, 'pong')
    if (!/^(push|push hook|tag push hook|system hook)$/i.test(event))
      return ignored(`events of kind ${event || 'unknown'} build nothing`)
    const body = parse(bytes, request.headers['content-type'])
    if (body === undefined) return say(400, 'the body is no JSON')
    const push = readGitPush(body)
    if (!push) return ignored('it is no push to a branch or tag of a repository with an address')
    const outcome = await takePush(d, { namespaceKey, ids: idsOf(request, bytes), push })
    const { builds, skipped } = outcome
    d.log.info({ namespace: namespaceKey, ref: push.ref, commit: push.commit, builds, skipped }, 'git push')
    return { status: 202, body: outcome }
  }

  return (request, response) => {
    const path = (request.url ?? '/').replace(/\?.*/s, '')
    if (!path.startsWith(gitHookPath)) return false
    const answered = request.method === 'POST' ? receive(request, namespaceOf(d, path)) : Promise.resolve(wrongMethod)
    answered
      .catch((error: unknown) => {
        d.log.warn({ err: error, path }, 'git push: a delivery could not be taken')
        return { ...say(503, 'try again'), headers: { 'retry-after': '5', connection: 'close' } }
      })
      .then(({ status, body, headers }: Answer) => {
        requests.inc({ status: String(status) })
        if (!request.complete) response.setHeader('connection', 'close')
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(`${JSON.stringify(body)}\n`)
      })
    return true
  }
}

const say = (status: number, message: string): Answer => ({ status, body: { message } })
const ignored = (because: string): Answer => ({ status: 202, body: { ignored: because } })
const refused = say(401, 'the signature is missing or wrong, or this namespace has no git hook')
const wrongMethod = { ...say(405, 'POST only'), headers: { allow: 'POST' } }

/** The namespace's key; with several registries the registry stands in front, as it is or encoded. */
function namespaceOf({ config }: Pick<Deps, 'config'>, path: string): string | null {
  try {
    const text = decodeURIComponent(path.slice(gitHookPath.length))
    const canonicalIn = canonicalHosts([...config.registries, ...config.outside])
    const written = text.includes('/') ? canonicalRef(canonicalIn, text) : text
    return parseNamespaceKey(
      written,
      config.registries.map((registry) => registry.name),
    )
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

const headerOf = (request: IncomingMessage, ...names: string[]): string => {
  const values = names.map((name) => request.headers[name])
  return values.find((value) => typeof value === 'string')?.slice(0, 200) ?? ''
}

const eventOf = (request: IncomingMessage): string =>
  headerOf(request, 'x-github-event', 'x-gitlab-event', 'x-gitea-event', 'x-forgejo-event', 'x-gogs-event')

/** The server's id of a delivery, the same when it is sent again. GitLab's X-Gitlab-Event-UUID is shared by several, and so is none. */
const deliveryOf = (request: IncomingMessage): string | null =>
  headerOf(
    request,
    'x-github-delivery',
    'x-gitea-delivery',
    'x-forgejo-delivery',
    'x-gogs-delivery',
    'idempotency-key',
  ) || null

/**
 * What a delivery is known by when it comes again: its id, where that is signed; else its server's id, and its body where that was
 * signed, since whoever saw a delivery could send it under any other id. GitLab's secret token signs nothing.
 */
function idsOf(request: IncomingMessage, bytes: Buffer): string[] {
  const signed = signedId(request.headers)
  const body = isOverBody(request.headers) ? [`sha256:${createHash('sha256').update(bytes).digest('hex')}`] : []
  if (signed !== null) return [...body, signed]
  const id = deliveryOf(request)
  return [...body, ...(id === null ? [] : [id])]
}

/** As JSON, or in the form field that GitHub uses unless told otherwise. Undefined: it is neither. */
function parse(bytes: Buffer, contentType: string | undefined): unknown {
  try {
    return JSON.parse(formField(bytes, contentType) ?? bytes.toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const requestsName = 'drydock_git_hook_requests_total'

const counter = () =>
  (register.getSingleMetric(requestsName) as Counter<'status'> | undefined) ??
  new Counter({ name: requestsName, help: 'Requests to the git hooks by answer.', labelNames: ['status'] })
