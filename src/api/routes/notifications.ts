import { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import { scopesAllow } from '../../access/scopes.ts'
import type { Deps } from '../../deps.ts'
import { clearFault, listFaults, recordFault, sendNow } from '../../notify/address-faults.ts'
import { getNotifySettings, NotifySettings, putNotifySettings, StoredSettings } from '../../notify/notify-settings.ts'
import { EmailAddress, UserName } from '../../people/person.ts'
import { admin, self } from '../access-of.ts'
import { namespaceOfPath } from '../names.ts'
import { decodeCursor, encodeCursor, oneText, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate } from '../show-tag.ts'

const description =
  'How a person is written to: `immediately` (when the window is over), `daily` or `weekly` (on Monday) at `hour` of `timeZone`, or `off`; `namespaces`: of these otherwise; `rebuilt`, `failed`, `still`: follow-ups wanted. What a PUT leaves out is as by default'
const Wanted = NotifySettings.meta({ id: 'NotifySettings', description })
/** May name more namespaces than a PUT: links in mails add to them. */
const Settings = StoredSettings.meta({ id: 'NotifySettingsOutput', description })
const AddressFault = z
  .object({ address: z.string(), message: z.string(), refusals: z.int(), since: Time, nextTryAt: Time })
  .meta({ id: 'AddressFault', description: 'An address that mail servers refuse: tried again later and later' })

const PersonParams = z.object({ name: UserName })
const AddressParams = z.object({ address: EmailAddress })

/** Nobody where the caller is no person: the bootstrap token has no mailbox. */
const ownName = ({ name, via }: Principal): string => {
  if (via === 'bootstrap') throw new ApiError('no-such-user', 'the bootstrap token is of no person')
  return name
}

/** Namespaces as their keys, however they were written. */
const canonical = (d: Pick<Deps, 'config'>, body: NotifySettings): NotifySettings => ({
  ...body,
  namespaces: Object.fromEntries(
    Object.entries(body.namespaces).map(([ns, every]) => [namespaceOfPath(d, ns), every] as const),
  ),
})

async function put(d: Deps, name: string, body: NotifySettings) {
  await putNotifySettings(d, name, canonical(d, body))
  return { status: 200, body: await getNotifySettings(d, name) }
}

export const notificationRoutes = [
  route({
    method: 'get',
    path: '/me/notifications',
    access: self,
    summary: 'How one is written to oneself; to a token for some namespaces alone nothing of others',
    responses: { 200: Settings },
    problems: ['no-such-user'],
    async handle(d, { principal }) {
      const settings = await getNotifySettings(d, ownName(principal))
      const open = Object.entries(settings.namespaces).filter(([key]) => scopesAllow(principal.scopes, 'read', key))
      return { status: 200, body: { ...settings, namespaces: Object.fromEntries(open) } }
    },
  }),
  route({
    method: 'put',
    path: '/me/notifications',
    access: self,
    summary: 'Say how one wants to be written to; a token must not be narrowed to less than `manage`',
    body: Wanted,
    responses: { 200: Settings },
    problems: ['no-such-user', 'forbidden'],
    details: (_, { body: { every } }) => ({ every }),
    async handle(d, { principal, body }) {
      if (!scopesAllow(principal.scopes, 'manage', null)) throw new ApiError('forbidden', 'this token is not for that')
      return put(d, ownName(principal), body)
    },
  }),
  route({
    method: 'get',
    path: '/users/{name}/notifications',
    access: admin,
    summary: 'How a person is written to',
    params: PersonParams,
    responses: { 200: Settings },
    problems: ['no-such-user'],
    async handle(d, { params }) {
      return { status: 200, body: await getNotifySettings(d, params.name) }
    },
  }),
  route({
    method: 'put',
    path: '/users/{name}/notifications',
    access: admin,
    summary: 'Set how a person is written to',
    params: PersonParams,
    body: Wanted,
    responses: { 200: Settings },
    problems: ['no-such-user'],
    details: (_, { body: { every } }) => ({ every }),
    handle: (d, { params, body }) => put(d, params.name, body),
  }),
  route({
    method: 'get',
    path: '/address-faults',
    access: admin,
    summary: 'Addresses that mail servers refuse, by address',
    query: z.object(pageQuery),
    responses: { 200: pageOf(AddressFault) },
    async handle(d, { query }) {
      const cursor = decodeCursor(query.cursor, oneText)?.[0] ?? null
      const { items, next } = await listFaults(d, { cursor, limit: query.limit })
      const shown = items.map((fault) => ({
        ...fault,
        since: showDate(fault.since),
        nextTryAt: showDate(fault.nextTryAt),
      }))
      return { status: 200, body: { items: shown, next: next === null ? null : encodeCursor([next]) } }
    },
  }),
  route({
    method: 'put',
    path: '/address-faults/{address}',
    access: admin,
    summary: 'Record that a mail to an address came back (a bounce): it is tried again later and later',
    params: AddressParams,
    body: z.strictObject({ message: z.string().trim().min(1).max(1000) }),
    responses: { 204: null },
    details: (_, { body: { message } }) => ({ message }),
    async handle(d, { params, body }) {
      await recordFault(d.sql, { address: params.address, message: body.message, at: d.clock(), bounced: true })
      return { status: 204 }
    },
  }),
  route({
    method: 'delete',
    path: '/address-faults/{address}',
    access: admin,
    summary: 'An address works again: what waits for it is sent',
    params: AddressParams,
    responses: { 204: null },
    problems: ['no-such-address-fault'],
    details: null,
    async handle(d, { params }) {
      if (!(await clearFault(d.sql, params.address)))
        throw new ApiError('no-such-address-fault', `nothing is known against ${params.address}`)
      await sendNow(d, params.address)
      return { status: 204 }
    },
  }),
]
