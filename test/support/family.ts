import { readFileSync } from 'node:fs'

/** A push of the fixture's `pushes.jsonl`, in the order in which they were made. `tag` is missing where it went by digest. */
export type FamilyPush = { repository: string; tag?: string; digest: string; mediaType: string }

/** The fixture's `truth.json`: what must come out once all pushes are in. Names are without the host. */
export type FamilyTruth = {
  bases: Record<string, { immediate: string | null; evidence?: string[]; build?: string[]; platforms?: string[] }>
  equalContent: string[][]
  artifacts: string[]
  outdated: { direct: string[]; inherited: Record<string, string>; stillAt: string[]; ambiguous: string[] }
  notOutdated: string[]
  buildRole: { tags: string[]; base: string }
  phases: { after: number; outdated: Record<string, { base: string; via: string | null }> }[]
}

/** A webhook body as the registry sent it. */
export type FamilyNotification = { headers: Record<string, string>; body: { events: { timestamp: string }[] } }

/** The host in the fixture's names, and so the name of the registry it must be replayed into. */
export const familyHost = 'localhost:5000'

const folder = new URL('../fixtures/family/', import.meta.url)
const lines = <T>(name: string): T[] =>
  readFileSync(new URL(name, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

export const familyBlob = (digest: string): Buffer => readFileSync(new URL(`blobs/${digest.replace(':', '/')}`, folder))

/** The family fixture: real images of real builders. See docs/design/ingest.md. */
export const loadFamily = () => ({
  pushes: lines<FamilyPush>('pushes.jsonl'),
  notifications: lines<FamilyNotification>('notifications.jsonl'),
  truth: JSON.parse(readFileSync(new URL('truth.json', folder), 'utf8')) as FamilyTruth,
})

export type Delivery = 'in-order' | 'reverse' | 'shuffled' | 'twice'

/** Pushes what `pushes.jsonl` says, the first `count` of it, into a registry over its HTTP API. */
export async function pushFamily(registryUrl: string, count = Number.POSITIVE_INFINITY): Promise<void> {
  for (const push of loadFamily().pushes.slice(0, count)) await pushManifest(registryUrl, push)
}

async function pushManifest(registryUrl: string, push: FamilyPush): Promise<void> {
  const body = familyBlob(push.digest)
  const manifest = JSON.parse(body.toString()) as { config?: { digest: string }; layers?: { digest: string }[] }
  for (const blob of [manifest.config, ...(manifest.layers ?? [])])
    if (blob) await pushBlob(registryUrl, push.repository, blob.digest, familyBlob(blob.digest))
  await putManifest(registryUrl, push.repository, push.tag ?? push.digest, push.mediaType, body)
}

export async function putManifest(
  registryUrl: string,
  repository: string,
  reference: string,
  mediaType: string,
  body: Buffer,
): Promise<void> {
  const url = `${registryUrl}/v2/${repository}/manifests/${reference}`
  await expectStatus(
    await fetch(url, { method: 'PUT', body: new Uint8Array(body), headers: { 'content-type': mediaType } }),
    201,
  )
}

export async function pushBlob(registryUrl: string, repository: string, digest: string, bytes: Buffer): Promise<void> {
  const known = await fetch(`${registryUrl}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' })
  if (known.ok) return
  const started = await fetch(`${registryUrl}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
  await expectStatus(started, 202)
  const url = new URL(started.headers.get('location') ?? '', registryUrl)
  url.searchParams.set('digest', digest)
  const headers = { 'content-type': 'application/octet-stream' }
  await expectStatus(await fetch(url, { method: 'PUT', body: new Uint8Array(bytes), headers }), 201)
}

async function expectStatus(response: Response, status: number): Promise<void> {
  const text = await response.text()
  if (response.status !== status) throw new Error(`${response.url}: ${response.status} ${text}`)
}

/** The bodies in the order of a delivery. `seed` makes a shuffle repeatable. */
export function inOrder<T>(bodies: readonly T[], delivery: Delivery, seed = 1): T[] {
  if (delivery === 'reverse') return [...bodies].reverse()
  if (delivery === 'twice') return [...bodies, ...bodies]
  if (delivery === 'in-order') return [...bodies]
  let state = seed
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
  return bodies
    .map((body) => ({ body, rank: next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ body }) => body)
}

/**
 * Serves all blobs and manifests of the family from a real registry (which must not notify anybody), then POSTs the
 * recorded notifications to the webhook in the order asked for. Resolves when all are acknowledged.
 */
export async function replayFamily(options: {
  registryUrl: string
  webhookUrl: string
  token: string
  order: Delivery
  seed?: number
}): Promise<void> {
  await pushFamily(options.registryUrl)
  for (const { headers, body } of inOrder(loadFamily().notifications, options.order, options.seed))
    await postNotification(options.webhookUrl, options.token, JSON.stringify(body), headers['content-type'])
}

export async function postNotification(
  webhookUrl: string,
  token: string,
  body: string,
  contentType = 'application/vnd.docker.distribution.events.v1+json',
): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': contentType }
  await expectStatus(await fetch(webhookUrl, { method: 'POST', body, headers }), 202)
}
