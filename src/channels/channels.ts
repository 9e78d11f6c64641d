import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { underKey } from '../build/vault-key.ts'
import type { Deps } from '../deps.ts'
import { ChannelError } from './channel-error.ts'
import { type ChannelKind, channelKinds } from './notifiers.ts'
import { makeReach } from './reach.ts'

export const channelEvents = ['outdated', 'rebuilt', 'failed', 'still'] as const
export type ChannelEvent = (typeof channelEvents)[number]

/** The body of `PUT /namespaces/NS/channels/NAME`. What a channel has already need not be said again. */
export const PutChannel = z
  .strictObject({
    kind: z.enum(channelKinds).describe('`slack` is Mattermost too; `matrix`: a generic webhook of hookshot'),
    url: z.string().min(1).max(2000).optional().describe('where to; needed for a new channel, never readable again'),
    secret: z
      .string()
      .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'must be whsec_ and 24 to 64 bytes in base64')
      .optional()
      .describe(
        'what a webhook is signed with, and for a day with the one before; default: one is made, and shown this once',
      ),
    events: z
      .array(z.enum(channelEvents))
      .min(1)
      .max(channelEvents.length)
      .refine(
        (events) => events.includes('outdated') || !events.some((event) => event === 'still' || event === 'rebuilt'),
        {
          message: 'still and rebuilt follow what was told as outdated: name that too',
        },
      )
      .optional()
      .describe('what it is told; default: outdated, failed, still'),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'PutChannel' })
export type PutChannel = z.infer<typeof PutChannel>

/** What may be read of a channel: neither where to, nor the secret. */
export type ChannelView = {
  name: string
  kind: ChannelKind
  events: ChannelEvent[]
  enabled: boolean
  because: string | null
  createdAt: Date
}

/** What `Channel.sealed` holds. `former`: the secret before this one, which signs too until then (ISO 8601). */
export const Sealed = z.object({
  url: z.string(),
  secret: z.string().nullable(),
  former: z.object({ secret: z.string(), until: z.iso.datetime() }).nullable().default(null),
})
export type Sealed = z.infer<typeof Sealed>

type Store = Pick<Deps, 'db' | 'vault' | 'config' | 'clock' | 'sql' | 'jobs'>

const shown = { name: true, kind: true, events: true, enabled: true, because: true, createdAt: true } as const
/** Milliseconds in which a receiver can go over from one secret to the next. */
const formerFor = 24 * 3_600_000
/** Of one namespace: each is a message more at each move of a base. */
const mostChannels = 50
const byDefault: ChannelEvent[] = ['outdated', 'failed', 'still']

/**
 * Makes or changes a channel, and looks for what it has to be told; `secret`: the one that was made, to be shown this once. The namespace
 * is made where it was not known. Error: `channel-invalid`, `channel-forbidden`, naming the field at fault.
 */
export async function putChannel(
  d: Store,
  namespaceKey: string,
  name: string,
  put: PutChannel,
): Promise<ChannelView & { secret: string | null }> {
  const place = { namespaceKey_name: { namespaceKey, name } }
  const stored = await underKey(d, async (tx) => {
    await tx.namespace.upsert({ where: { key: namespaceKey }, create: { key: namespaceKey }, update: {} })
    // one at a time: of two that make it at once each would be shown a secret, and one the wrong one
    await tx.$queryRaw`select key from namespace where key = ${namespaceKey} for update`
    const known = await tx.channel.findUnique({ where: place })
    if (!known && (await tx.channel.count({ where: { namespaceKey } })) >= mostChannels)
      throw new ChannelError('channel-invalid', `a namespace has at most ${mostChannels} channels`, 'name')
    if (known && known.kind !== put.kind)
      throw new ChannelError('channel-invalid', `is ${known.kind}, for good`, 'kind')
    const before = known && Sealed.parse(JSON.parse(d.vault.open(known.sealed)))
    const { made, ...clear } = secretsOf(d, put, before)
    const row = {
      sealed: d.vault.seal(JSON.stringify(clear)),
      events: [...new Set(put.events ?? known?.events ?? byDefault)],
      enabled: put.enabled,
      because: null,
    }
    const create = { ...row, namespaceKey, name, kind: put.kind, createdAt: d.clock() }
    return { ...(await tx.channel.upsert({ where: place, create, update: row, select: shown })), secret: made }
  })
  await d.jobs.enqueue(d.sql, 'channels', {}, { key: 'channels', queue: 'channels' })
  return stored
}

/** What is to be sealed; `made`: the secret, where it is a new one that nobody gave. */
function secretsOf(
  d: Pick<Deps, 'config' | 'clock'>,
  put: PutChannel,
  before: Sealed | null,
): Sealed & { made: string | null } {
  const url = put.url === undefined ? before?.url : checkedUrl(d, put.url)
  if (url === undefined) throw new ChannelError('channel-invalid', 'is needed')
  if (put.kind !== 'webhook') {
    if (put.secret === undefined) return { url, secret: null, former: null, made: null }
    throw new ChannelError('channel-invalid', 'is for webhooks alone: of a chat the address is the secret', 'secret')
  }
  const given = put.secret ?? before?.secret ?? null
  const made = given === null ? `whsec_${randomBytes(32).toString('base64')}` : null
  const isNew = before?.secret != null && given !== before.secret
  const until = new Date(d.clock().getTime() + formerFor).toISOString()
  const former = isNew ? { secret: before.secret!, until } : (before?.former ?? null)
  return { url, secret: given ?? made, former, made }
}

function checkedUrl({ config }: Pick<Deps, 'config'>, text: string): string {
  const url = URL.parse(text)
  const fault = url === null ? 'must be an address that starts with https://' : makeReach(config).fault(url)
  if (url === null || fault !== null) throw new ChannelError('channel-forbidden', fault ?? '')
  return url.href
}

export async function getChannel(
  d: Pick<Deps, 'db'>,
  namespaceKey: string,
  name: string,
): Promise<(ChannelView & { id: string }) | null> {
  const where = { namespaceKey_name: { namespaceKey, name } }
  return d.db.channel.findUnique({ where, select: { ...shown, id: true } })
}

/** By name. */
export const listChannels = (d: Pick<Deps, 'db'>, namespaceKey: string): Promise<ChannelView[]> =>
  d.db.channel.findMany({ where: { namespaceKey }, orderBy: { name: 'asc' }, select: shown })

/** With its deliveries, also those that wait. True where there was one. */
export async function removeChannel(d: Pick<Deps, 'db'>, namespaceKey: string, name: string): Promise<boolean> {
  return (await d.db.channel.deleteMany({ where: { namespaceKey, name } })).count > 0
}
