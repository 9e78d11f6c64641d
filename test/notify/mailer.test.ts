import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type Answer, asMailError, MailError, meaningOf } from '../../src/notify/mail-error.ts'
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
  smtp.refuseData.answer = null
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
      message: expect.stringContaining(String(status)),
    })
  })

  test.each([
    [550, '5.4.5 Daily user sending limit exceeded', 'mail-delayed'],
    [554, '5.7.1 Message rejected as spam', 'mail-refused'],
    [552, 'too big', 'mail-refused'],
    [550, '5.1.1 no such user', 'address-refused'],
  ])('the mail itself answered with %d %s: %s', async (status, words, code) => {
    smtp.refuseData.answer = { status, words }
    await expect(send()).rejects.toMatchObject({ code, message: expect.stringContaining(words) })
  })

  test('what is no answer of SMTP is nobody’s', async () => {
    const answers: Record<string, string> = {
      EHLO: '250 odd.test',
      MAIL: '250 ok',
      RCPT: 'hello',
      RSET: '250 ok',
      QUIT: '221 bye',
    }
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.write('220 odd.test ESMTP\r\n')
      socket.on('data', (said) => {
        for (const line of said.toString().split('\r\n').filter(Boolean))
          socket.write(`${answers[line.slice(0, 4)] ?? '500 what'}\r\n`)
      })
    })
    await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens))
    const { port } = server.address() as AddressInfo
    const odd = makeMailer({ smtpUrl: `smtp://127.0.0.1:${port}`, mailFrom, publicUrl })!
    try {
      await expect(odd.send(letter)).rejects.toMatchObject({
        code: 'mail-delayed',
        message: expect.stringContaining('hello'),
      })
    } finally {
      odd.close()
      server.close()
    }
  })

  test.each<[Answer['stage'], number | null, string | null, string]>([
    ['recipient', 550, null, 'address-refused'],
    ['recipient', 550, '1.1', 'address-refused'],
    ['recipient', 552, '2.2', 'address-refused'],
    ['recipient', 550, '4.1', 'address-refused'],
    ['recipient', 553, '1.8', 'mail-delayed'],
    ['recipient', 554, '7.1', 'policy-refused'],
    ['recipient', 550, '4.5', 'mail-delayed'],
    ['recipient', 450, '1.1', 'mail-delayed'],
    ['recipient', 503, null, 'mail-delayed'],
    ['recipient', null, null, 'address-refused'],
    ['data', 554, null, 'mail-refused'],
    ['data', 554, '6.0', 'mail-refused'],
    ['data', 552, '3.4', 'mail-refused'],
    ['data', 552, '2.3', 'mail-refused'],
    ['data', 552, '2.2', 'address-refused'],
    ['data', 550, '4.5', 'mail-delayed'],
    ['data', 554, '3.0', 'mail-delayed'],
    ['data', 451, '6.0', 'mail-delayed'],
    ['other', 535, '7.8', 'mail-delayed'],
    ['other', 550, null, 'mail-delayed'],
    ['other', null, null, 'mail-delayed'],
  ])('at %s, %s 5.%s: %s', (stage, status, detail, code) => {
    expect(meaningOf({ stage, status, detail })).toBe(code)
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
