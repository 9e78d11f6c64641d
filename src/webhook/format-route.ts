/*
 * In: POST /v2/webhooks/events/FORMAT from registries that do not speak Distribution's notifications.
 * Out: the same rows and jobs.
 * Guarantees: as the webhook's; what comes with a token in its address states no facts; such an address is never written anywhere.
 */
import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Deps } from '../deps.ts'
import { canonicalHosts } from '../oci/reference.ts'
import { bodyReader } from '../triggers/body-reader.ts'
import type { Answers } from './answer.ts'
import { isAmong, ownToken, registryOf } from './authenticate.ts'
import type { Verdict } from './envelope.ts'
import type { Said, WebhookFormat } from './formats/format.ts'
import { formats } from './formats/formats.ts'
import { isSignedByGithub } from './github-signature.ts'
import { googleIdentity } from './google-identity.ts'
import { asWhole, judgeVerdicts } from './judge-body.ts'
import { tokensInHeaders, tokensInUrl } from './presented-tokens.ts'
import { type Body, readBody } from './read-body.ts'

/** Whose request it is, and whether what it states may count as a fact. The body where it had to be read for that. */
type Proved = { registry: string; facts: boolean; body?: Body }

/** Largest payload of GitHub: https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap */
const githubLimit = 25 * 1024 * 1024

/** Answers requests below `path`; false where no format is called so. */
export function formatRoute(
  d: Pick<Deps, 'config' | 'log' | 'clock'>,
  { answer, acknowledge }: Answers,
  { path, bodyLimit }: { path: string; bodyLimit: number },
): (request: IncomingMessage, response: ServerResponse, url: URL) => boolean {
  const { config } = d
  const readUnproved = bodyReader()
  const speaksForGoogle = googleIdentity()
  const canonicalHost = canonicalHosts(config.registries)

  /** Null: it shows nothing that is right. */
  async function prove(
    format: WebhookFormat,
    request: IncomingMessage,
    query: URLSearchParams,
  ): Promise<Proved | null> {
    const named = query.get('registry')
    if (format.proof === 'github-signature') return proveGithub(request, named)
    if (format.proof === 'google-identity') return proveGoogle(request, named)
    const shown = tokensInHeaders(request.headers, format.carriers)
    const inHeaders = registryOf(config, named, { own: ownToken, common: config.webhookToken }, (s) =>
      isAmong(shown, s),
    )
    const urlSecrets = { own: ownUrlToken, common: config.webhookUrlToken }
    const inUrl = tokensInUrl(query, format.carriers)
    const byUrl = registryOf(config, named, urlSecrets, (s) => isAmong(inUrl, s))
    const registry = inHeaders ?? byUrl
    return registry === null ? null : { registry, facts: inHeaders !== null }
  }

  async function proveGithub(request: IncomingMessage, named: string | null): Promise<Proved | null> {
    const signature = request.headers['x-hub-signature-256']
    if (typeof signature !== 'string') return null
    const bytes = await readUnproved(request, githubLimit)
    if (bytes === null) return null
    const registry = registryOf(config, named, { own: ownToken, common: config.webhookToken }, (secret) =>
      isSignedByGithub(bytes, signature, secret),
    )
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    return registry === null ? null : { registry, facts: true, body: { bytes, sha256, length: bytes.length } }
  }

  async function proveGoogle(request: IncomingMessage, named: string | null): Promise<Proved | null> {
    const [token] = tokensInHeaders(request.headers, ['bearer'])
    if (!token) return null
    const right = new Set<string>()
    for (const { name, webhook } of config.registries)
      if (webhook?.google && (await speaksForGoogle(token, webhook.google, d.clock()))) right.add(name)
    const secrets = { own: ({ name }: { name: string }) => (right.has(name) ? name : null), common: null }
    const registry = registryOf(config, named, secrets, (name) => right.has(name))
    return registry === null ? null : { registry, facts: true }
  }

  async function receive(
    name: string,
    format: WebhookFormat,
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
  ): Promise<void> {
    if (config.registries.length === 0)
      return answer(response, 503, 'no registry is configured', { 'retry-after': '60', connection: 'close' })
    const proved = await prove(format, request, query)
    if (proved === null)
      return answer(response, 401, wanted(format), {
        'www-authenticate': 'Bearer realm="drydock webhook"',
        connection: 'close',
      })
    if (request.method === 'OPTIONS')
      return answer(response, 200, 'POST', { allow: 'POST', ...format.preflight?.(request.headers) })
    const { registry, facts, body = await readBody(request, bodyLimit) } = proved
    const receivedAt = d.clock()
    const said = body.bytes && read(format, registry, { headers: request.headers, body: body.bytes, receivedAt })
    if (!said) return acknowledge(response, asWhole(registry, { body, receivedAt }, 'not-of-this-format'))
    if ('reply' in said)
      return answer(response, 200, JSON.stringify(said.reply), { 'content-type': 'application/json' })
    await acknowledge(
      response,
      judgeVerdicts(
        registry,
        said.verdicts.map((verdict) => kept(name, verdict, facts)),
        { body, receivedAt },
      ),
    )
  }

  const read = (
    format: WebhookFormat,
    registry: string,
    delivery: { headers: IncomingMessage['headers']; body: Buffer; receivedAt: Date },
  ): Said | null => format.read({ ...delivery, id: randomUUID(), isHost: (host) => canonicalHost(host) === registry })

  return (request, response, url) => {
    const name = url.pathname.startsWith(path) ? url.pathname.slice(path.length).replace(/\/$/, '') : ''
    const format = formats.get(name)
    if (!format) return false
    if (request.method !== 'POST' && !(request.method === 'OPTIONS' && format.preflight)) {
      answer(response, 405, 'POST only', { allow: 'POST', connection: 'close' })
      return true
    }
    receive(name, format, request, response, url.searchParams).catch((error: unknown) => {
      d.log.warn({ err: error, format: name }, 'webhook: the request could not be taken')
      if (!response.headersSent) answer(response, 503, 'try again', { 'retry-after': '1', connection: 'close' })
    })
    return true
  }
}

const ownUrlToken = ({ webhook }: Deps['config']['registries'][number]): string | null | undefined => webhook?.urlToken

/** Ids are unique within a format and its kind of proof, so that what only asks never hides a fact; what is not sure to be the registry's word asks. */
function kept(format: string, verdict: Verdict, facts: boolean): Verdict {
  if (verdict.kind === 'irrelevant') return verdict
  const event = { ...verdict.event, eventId: `${format}${facts ? ':' : '?'}${verdict.event.eventId}` }
  if (verdict.kind === 'ignored') return { ...verdict, event }
  return { kind: 'handled', event: facts ? event : { ...event, action: 'look' } }
}

const wanted = ({ proof, vendor }: WebhookFormat): string =>
  ({
    token: 'a webhook token of a configured registry is wanted (with several: its own, or ?registry=NAME)',
    'github-signature': `${vendor} signs with the webhook token of a configured registry (with several: its own, or ?registry=NAME)`,
    'google-identity': `a token of the service account and for the audience that a configured registry names is wanted`,
  })[proof]
