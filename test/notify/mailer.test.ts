import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { asMailError, MailError } from '../../src/notify/mail-error.ts'
import { type Letter, makeMailer } from '../../src/notify/mailer.ts'
import { freePort } from '../support/free-port.ts'
import { type SmtpServer, smtpServer } from '../support/smtp.ts'

const letter: Letter = {
  messageId: '<0b1c2d3e-0000-4000-8000-000000000001@example.org>',
  to: 'ada@example.org',
  subject: 'r/app/run:1 is outdated: r/lib/base:1 has moved — ünïcode',
  text: 'sha256:aaaa → sha256:bbbb\n',
  html: '<p>sha256:aaaa → sha256:bbbb</p>',
  date: new Date('2026-11-21T02:58:01Z'),
  references: [],
  unsubscribe: null,
}
const mailFrom = 'Drydock <drydock@example.org>'

let smtp: SmtpServer
beforeAll(async () => {
  smtp = await smtpServer()
})
beforeEach(() => {
  smtp.received.length = 0
  smtp.refuse.clear()
})
afterAll(() => smtp.close())

const publicUrl = 'https://drydock.example.org'
const send = async (more: Partial<Letter> = {}, url = smtp.url) => {
  const mailer = makeMailer({ smtpUrl: url, mailFrom, publicUrl })!
  await mailer.send({ ...letter, ...more }).finally(() => mailer.close())
}

test('without SMTP_URL there is no mailer', () => {
  expect(makeMailer({ smtpUrl: null, mailFrom, publicUrl })).toBeNull()
})

describe('a letter arrives', () => {
  test('with its own Message-ID and date, as text and as HTML, marked as written by a machine', async () => {
    await send()
    const [{ from, to, mail }] = smtp.received as [SmtpServer['received'][number]]
    expect({ from, to }).toEqual({ from: 'drydock@example.org', to: ['ada@example.org'] })
    expect(mail).toMatchObject({
      messageId: letter.messageId,
      subject: letter.subject,
      date: '2026-11-21T02:58:01.000Z',
      from: { name: 'Drydock', address: 'drydock@example.org' },
      to: [{ name: '', address: 'ada@example.org' }],
    })
    expect(mail.text?.trim()).toBe(letter.text.trim())
    expect(mail.html?.trim()).toBe(letter.html)
    expect(mail.headers.find(({ key }) => key === 'auto-submitted')?.value).toBe('auto-generated')
  })

  test('after a login', async () => {
    const guarded = await smtpServer({ user: 'drydock', pass: 'p@ss:word' })
    try {
      await send({}, guarded.url)
      expect(guarded.received).toHaveLength(1)
    } finally {
      await guarded.close()
    }
  })

  test.each([
    ['subject', { subject: 'harmless\r\nBcc: eve@example.org\r\n\r\nbody' }],
    ['recipient', { to: 'ada@example.org\r\nBcc: eve@example.org' }],
    ['list of recipients', { to: 'ada@example.org, eve@example.org' }],
  ])('or not: a %s cannot become a header or a recipient', async (_what, more) => {
    const sent = await send(more).then(
      () => true,
      () => false,
    )
    expect(smtp.received.length).toBe(sent ? 1 : 0)
    for (const { to, mail } of smtp.received) {
      expect(to).toEqual(['ada@example.org'])
      expect(mail.bcc ?? []).toEqual([])
      expect(mail.headers.map(({ key }) => key)).not.toContain('bcc')
    }
  })
})

describe('a letter that is not taken', () => {
  test.each([
    [550, 'address-refused'],
    [552, 'address-refused'],
    [450, 'mail-delayed'],
    [451, 'mail-delayed'],
    [421, 'mail-delayed'],
  ])('recipient answered with %d: %s', async (status, code) => {
    smtp.refuse.set(letter.to, status)
    await expect(send()).rejects.toMatchObject({
      code,
      retryable: true,
      message: expect.stringContaining(String(status)),
    })
  })

  test.each([['cutInData'], ['cutAfterData']] as const)('%s: delayed', async (where) => {
    smtp[where].times = 1
    await expect(send()).rejects.toMatchObject({ code: 'mail-delayed' })
  })

  test('nobody listens: delayed', async () => {
    const port = await freePort()
    await expect(send({}, `smtp://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'mail-delayed' })
  })

  test('a wrong login is no fault of the letter: delayed', async () => {
    const guarded = await smtpServer({ user: 'drydock', pass: 'right' })
    try {
      await expect(send({}, guarded.url.replace('right', 'wrong'))).rejects.toMatchObject({ code: 'mail-delayed' })
    } finally {
      await guarded.close()
    }
  })

  test('whatever is thrown becomes a MailError with its cause', () => {
    const cause = new Error('odd')
    const error = asMailError(cause)
    expect(error).toBeInstanceOf(MailError)
    expect(error).toMatchObject({ code: 'mail-delayed', message: 'odd', cause })
  })
})
