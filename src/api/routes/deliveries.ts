import { z } from 'zod'
import { type DeliveryView, getDelivery, listDeliveries, replayDelivery } from '../../channels/deliveries.ts'
import type { Deps } from '../../deps.ts'
import { ofNamespace } from '../access-of.ts'
import { lookUp } from '../look-up-details.ts'
import { IdParams } from '../names.ts'
import { decodeCursor, page, pageOf, pageQuery, timeAndId } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate, showDateOrNull } from '../show-tag.ts'
import { channelOf, channelParams } from './channels.ts'

const Delivery = z
  .object({
    id: z.string().describe('of a webhook also `webhook-id` and the id of the event'),
    type: z.string(),
    state: z.enum(['pending', 'delivered', 'failed', 'kept']).describe('kept: nothing is sent (DRYDOCK_OBSERVE)'),
    attempts: z.int(),
    status: z.int().nullable().describe("of the last try's answer; null: there was none"),
    answer: z.string().nullable().describe('its beginning, or why there was none'),
    createdAt: Time,
    nextTryAt: Time.nullable(),
    deliveredAt: Time.nullable(),
  })
  .meta({ id: 'Delivery' })
const WholeDelivery = Delivery.extend({
  body: z.record(z.string(), z.unknown()).describe('as it was sent, or would be now'),
}).meta({ id: 'WholeDelivery' })

const show = (delivery: DeliveryView) => ({
  ...delivery,
  createdAt: showDate(delivery.createdAt),
  nextTryAt: showDateOrNull(delivery.nextTryAt),
  deliveredAt: showDateOrNull(delivery.deliveredAt),
})

const noSuch = (id: string) => new ApiError('no-such-delivery', `no delivery ${id}`)
/** Of the namespace that the delivery's channel is of. */
const access = {
  need: 'manage' as const,
  hidden: 'no-such-delivery' as const,
  of: async (d: Deps, { params }: { params: { id: string } }) => {
    const found = await getDelivery(d, params.id)
    return found ? [found.namespaceKey] : []
  },
}

export const deliveryRoutes = [
  route({
    method: 'get',
    path: '/namespaces/{ns}/channels/{name}/deliveries',
    access: ofNamespace('manage'),
    summary: 'What a channel was sent, newest first',
    params: channelParams,
    query: z.object(pageQuery),
    responses: { 200: pageOf(Delivery) },
    problems: ['no-such-channel'],
    async handle(d, { params, query }) {
      const after = decodeCursor(query.cursor, timeAndId)
      const { id } = await channelOf(d, params)
      const rows = await listDeliveries(d, id, { after, limit: query.limit })
      return { status: 200, body: page(rows, query.limit, (row) => [row.createdAt.toISOString(), row.id], show) }
    },
  }),
  route({
    method: 'get',
    path: '/deliveries/{id}',
    access,
    summary: 'One delivery, with its body',
    params: IdParams,
    responses: { 200: WholeDelivery },
    problems: ['no-such-delivery'],
    async handle(d, { params }) {
      const found = await getDelivery(d, params.id)
      if (!found) throw noSuch(params.id)
      const { namespaceKey: _key, body, ...delivery } = found
      return { status: 200, body: { ...show(delivery), body: JSON.parse(body) as object } }
    },
  }),
  route({
    method: 'post',
    path: '/deliveries/{id}/replay',
    access,
    summary: 'Send a delivery again, under the same id',
    params: IdParams,
    responses: { 202: null },
    problems: ['no-such-delivery', 'channel-disabled', 'not-replayable'],
    details: (d, { params }) =>
      lookUp(
        d,
        params.id,
        (id) => d.sql`
        select c.name as channel, v.type from delivery v join channel c on c.id = v.channel_id where v.id = ${id}`,
      ),
    async handle(d, { params }) {
      const done = await replayDelivery(d, params.id)
      if (done === 'not-found') throw noSuch(params.id)
      if (done === 'disabled') throw new ApiError('channel-disabled', 'its channel is disabled')
      if (done === 'observing') throw new ApiError('not-replayable', 'nothing is sent: DRYDOCK_OBSERVE is set')
      return { status: 202 }
    },
  }),
]
