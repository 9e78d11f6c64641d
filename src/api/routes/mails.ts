import { z } from 'zod'
import type { Principal } from '../../access/principal.ts'
import { readsEverything } from '../../access/readable-by.ts'
import { scopesAllow } from '../../access/scopes.ts'
import { getMail, listMails, type MailView } from '../../notify/mails.ts'
import { sendAgain } from '../../notify/send-again.ts'
import { admin, self } from '../access-of.ts'
import { lookUp } from '../look-up-details.ts'
import { IdParams } from '../names.ts'
import { decodeCursor, encodeCursor, oneText, pageOf, pageQuery } from '../page.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate, showDateOrNull } from '../show-tag.ts'

const State = z.enum(['pending', 'sent', 'failed', 'kept'])
export const Mail = z
  .object({
    id: z.string(),
    messageId: z.string(),
    user: z.string(),
    to: z.string(),
    subject: z.string(),
    text: z.string(),
    state: State,
    error: z.string().nullable(),
    attempts: z.int(),
    createdAt: Time,
    nextTryAt: Time.nullable(),
    sentAt: Time.nullable(),
  })
  .meta({ id: 'Mail' })
export const WholeMail = Mail.extend({ html: z.string(), refs: z.array(z.string()) }).meta({ id: 'WholeMail' })

const show = <T extends MailView>(mail: T) => ({
  ...mail,
  createdAt: showDate(mail.createdAt),
  nextTryAt: showDateOrNull(mail.nextTryAt),
  sentAt: showDateOrNull(mail.sentAt),
})

/** Whose mails may be read: one's own, and not by a token for some namespaces alone, since a mail is of many. */
const readerOf = (principal: Principal): string => (scopesAllow(principal.scopes, 'read', null) ? principal.name : '')

const notAgain = {
  sent: 'it was sent',
  kept: 'it was kept: nothing is sent here',
  forgotten: 'it was kept, and its text is not any more (DRYDOCK_KEEP_MAILS)',
  over: 'the plan that it tells of is not stopped any more, or all it is for are told by another mail',
}

export const mailRoutes = [
  route({
    method: 'get',
    path: '/mails',
    access: self,
    summary: 'What was or would be sent, newest first; to others than admins: to themselves',
    query: z.object({ ...pageQuery, to: z.string().max(254).optional(), state: State.optional() }),
    responses: { 200: pageOf(Mail) },
    async handle(d, { query, principal }) {
      const cursor = decodeCursor(query.cursor, oneText)?.[0] ?? null
      const { items, next } = await listMails(d, {
        cursor,
        limit: query.limit,
        ...(readsEverything(principal) ? {} : { user: readerOf(principal) }),
        ...(query.to === undefined ? {} : { to: query.to }),
        ...(query.state === undefined ? {} : { state: query.state }),
      })
      return { status: 200, body: { items: items.map(show), next: next === null ? null : encodeCursor([next]) } }
    },
  }),
  route({
    method: 'get',
    path: '/mails/{id}',
    access: self,
    summary: 'One mail, with its HTML',
    params: IdParams,
    responses: { 200: WholeMail },
    problems: ['no-such-mail'],
    async handle(d, { params, principal }) {
      const mail = await getMail(d, params.id, readsEverything(principal) ? undefined : readerOf(principal))
      if (!mail) throw new ApiError('no-such-mail', `no mail ${params.id}`)
      return { status: 200, body: show(mail) }
    },
  }),
  route({
    method: 'post',
    path: '/mails/{id}/send',
    access: admin,
    summary: 'Try a mail now; what was in one that was given up comes in another',
    params: IdParams,
    responses: { 202: null },
    problems: ['no-such-mail', 'not-replayable'],
    details: (d, { params }) =>
      lookUp(d, params.id, (id) => d.sql`select user_name as user, "to" from mail where id = ${id}`),
    async handle(d, { params }) {
      const done = await sendAgain(d, params.id)
      if (done === 'not-found') throw new ApiError('no-such-mail', `no mail ${params.id}`)
      if (done !== 'due') throw new ApiError('not-replayable', notAgain[done])
      return { status: 202 }
    },
  }),
]
