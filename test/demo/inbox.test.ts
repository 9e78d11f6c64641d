import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createTransport } from 'nodemailer'
import { openInbox } from '../../src/demo/inbox.ts'

let inbox: Awaited<ReturnType<typeof openInbox>>
beforeEach(async () => {
  inbox = await openInbox()
})
afterEach(() => inbox.close())

test('a mail sent over SMTP is kept as it arrived', async () => {
  const mail = {
    from: 'drydock@example.org',
    to: 'ada@example.org, eve@example.org',
    subject: 'Prüfung',
    text: 'äöü → ok\n',
  }
  const sent = await createTransport(inbox.url).sendMail({ ...mail, messageId: '<one@example.org>' })
  expect(sent.accepted).toHaveLength(2)
  expect(inbox.received).toEqual([
    {
      messageId: '<one@example.org>',
      from: 'drydock@example.org',
      to: ['ada@example.org', 'eve@example.org'],
      subject: 'Prüfung',
      text: 'äöü → ok\n',
    },
  ])
})
