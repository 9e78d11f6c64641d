import { z } from 'zod'
import { ChannelError } from '../../channels/channel-error.ts'
import {
  channelEvents,
  getChannel,
  listChannels,
  PutChannel,
  putChannel,
  removeChannel,
} from '../../channels/channels.ts'
import { testChannel } from '../../channels/deliveries.ts'
import { channelKinds } from '../../channels/notifiers.ts'
import type { Deps } from '../../deps.ts'
import { ofNamespace } from '../access-of.ts'
import { keyOfStored, NamespaceParams, namespaceOfPath } from '../names.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const Channel = z
  .object({
    name: z.string(),
    kind: z.enum(channelKinds),
    events: z.array(z.enum(channelEvents)).describe('what it is told'),
    enabled: z.boolean(),
    because: z.string().nullable().describe('why Drydock disabled it; null: it did not'),
    createdAt: Time,
  })
  .meta({ id: 'Channel', description: 'Never where it leads, nor its secret' })
const StoredChannel = z
  .object({
    ...Channel.shape,
    secret: z.string().nullable().describe('the one that was made; null where one was given, or none is needed'),
  })
  .meta({ id: 'StoredChannel', description: 'The secret is shown this once' })
const Queued = z.object({ delivery: z.string().describe('its id') }).meta({ id: 'QueuedDelivery' })

const path = '/namespaces/{ns}/channels/{name}' as const
export const channelParams = NamespaceParams.extend({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/) })
const access = ofNamespace('manage')
const show = <T extends { createdAt: Date }>(channel: T) => ({ ...channel, createdAt: showDate(channel.createdAt) })

/** The channel that a path names, or the problem that there is none. */
export async function channelOf(d: Deps, { ns, name }: { ns: string; name: string }) {
  const namespaceKey = namespaceOfPath(d, ns)
  const found = await getChannel(d, namespaceKey, name)
  if (!found) throw new ApiError('no-such-channel', `${ns} has no channel ${name}`)
  return { ...found, namespaceKey }
}

export const channelRoutes = [
  route({
    method: 'get',
    path: '/namespaces/{ns}/channels',
    access,
    summary: 'Where a namespace is told besides mail, by name',
    params: NamespaceParams,
    responses: { 200: z.object({ items: z.array(Channel), next: z.null() }) },
    async handle(d, { params }) {
      const items = await listChannels(d, await keyOfStored(d, params.ns))
      return { status: 200, body: { items: items.map(show), next: null } }
    },
  }),
  route({
    method: 'get',
    path,
    access,
    summary: 'One channel',
    params: channelParams,
    responses: { 200: Channel },
    problems: ['no-such-channel'],
    async handle(d, { params }) {
      const { id: _id, namespaceKey: _key, ...found } = await channelOf(d, params)
      return { status: 200, body: show(found) }
    },
  }),
  route({
    method: 'put',
    path,
    access,
    summary: 'Make a channel, or change it; its address and its secret are never readable again',
    params: channelParams,
    body: PutChannel,
    responses: { 200: StoredChannel },
    details: (_, { body: { kind, events, enabled } }) => ({ kind, events, enabled }),
    async handle(d, { params, body }) {
      const stored = await putChannel(d, namespaceOfPath(d, params.ns), params.name, body).catch((error: unknown) => {
        if (!(error instanceof ChannelError)) throw error
        const { field, message } = error
        throw new ApiError('bad-request', 'the body is not as it should be', [{ path: field, message }])
      })
      return { status: 200, body: show(stored) }
    },
  }),
  route({
    method: 'delete',
    path,
    access,
    summary: 'Remove a channel, with its deliveries',
    params: channelParams,
    responses: { 204: null },
    problems: ['no-such-channel'],
    details: null,
    async handle(d, { params }) {
      if (!(await removeChannel(d, await keyOfStored(d, params.ns), params.name)))
        throw new ApiError('no-such-channel', `${params.ns} has no channel ${params.name}`)
      return { status: 204 }
    },
  }),
  route({
    method: 'post',
    path: `${path}/test`,
    access,
    summary: 'Send a channel a message that says only that it works',
    params: channelParams,
    responses: { 202: Queued },
    problems: ['no-such-channel', 'channel-disabled'],
    details: null,
    async handle(d, { params }) {
      const channel = await channelOf(d, params)
      if (!channel.enabled) throw new ApiError('channel-disabled', `${params.name} is disabled`)
      return { status: 202, body: { delivery: await testChannel(d, channel.namespaceKey, channel) } }
    },
  }),
]
