import { createHash } from 'node:crypto'
import { z } from 'zod'
import { readApart } from '../../notify/read-apart.ts'
import { takeBounce } from '../../notify/take-bounce.ts'
import { admin } from '../access-of.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'

const Recipient = z.object({
  final: z.string().nullable().describe('Final-Recipient'),
  original: z.string().nullable().describe('Original-Recipient'),
  action: z.string().nullable(),
  status: z.string().nullable().describe('as RFC 3463 has it, such as 5.1.1'),
  diagnostic: z.string().nullable(),
})
const Bounce = z
  .object({
    mail: z.string().nullable().describe('id of the mail that came back, where it is one of ours'),
    messageId: z.string().nullable(),
    outcome: z.enum(['address-refused', 'mail-refused', 'noted', 'nothing']),
    because: z.string(),
    recipients: z.array(Recipient).describe('the first hundred'),
  })
  .meta({ id: 'Bounce', description: 'What was found in a delivery status notification, and what became of it' })

/** The bytes of the mail, where there are some. */
const mailIn = ({ body }: { body?: unknown }): Buffer | null => (Buffer.isBuffer(body) ? body : null)

export const bounceRoutes = [
  route({
    method: 'post',
    path: '/bounces',
    access: admin,
    summary:
      'A mail as it came back (RFC 3464), at most 1 MiB: its address, or the mail, counts as refused; whatever else it is changes nothing',
    takes: 'message/rfc822',
    responses: { 200: Bounce },
    problems: ['body-too-large', 'not-message'],
    details: (_, { request }) => {
      const mail = mailIn(request)
      return mail && { bytes: mail.length, sha256: createHash('sha256').update(mail).digest('hex') }
    },
    async handle(d, { request }) {
      const mail = mailIn(request)
      if (!mail) throw new ApiError('not-message', 'the body must be message/rfc822: a mail as it came')
      const report = await readApart(mail)
      if (report.kind === 'none') throw new ApiError('bad-request', report.because)
      return { status: 200, body: await takeBounce(d, report) }
    },
  }),
]
