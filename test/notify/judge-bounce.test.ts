import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type BounceReport, readBounce } from '../../src/notify/bounce-report.ts'
import { judgeBounce, meaningOfBounce, type Returned } from '../../src/notify/judge-bounce.ts'
import { readApart } from '../../src/notify/read-apart.ts'
import { exchange, exim, type Failure, gmail, postfix } from './bounces.ts'

const [ada, now] = ['ada@example.org', new Date('2026-11-21T03:00:10.000Z')]
const raw = `Message-ID: <m1@example.org>\r\nTo: ${ada}\r\nSubject: s\r\nContent-Type: text/plain\r\n\r\nMessage-ID: <not@this>\r\n`
const sentAt = new Date('2026-11-21T03:00:04.000Z')
const sent: Returned = { to: ada, state: 'sent', sentAt, hasWords: true, bounces: [] }
const read = async (text: string | Buffer) => (await readBounce(Buffer.from(text))) as BounceReport
const days = (count: number) => new Date(sentAt.getTime() + count * 86_400_000)

describe('what is found in a bounce as it is written by', () => {
  test.each<[string, (raw: string, failure: Failure & { bare?: boolean }) => string, object]>([
    [
      'Postfix',
      postfix,
      {
        original: ada,
        status: '5.1.1',
        diagnostic: `smtp; 550 5.1.1 <${ada}>: Recipient address rejected: User unknown`,
      },
    ],
    ['Exim', exim, { original: null, status: '5.0.0', diagnostic: null }],
    [
      'Exchange',
      exchange,
      { original: null, status: '5.1.10', diagnostic: expect.stringContaining('RecipientNotFound') },
    ],
    [
      'Gmail',
      gmail,
      { original: null, status: '5.1.1', diagnostic: expect.stringMatching(/^smtp; 550-5\.1\.1 .* gsmtp$/) },
    ],
    [
      'Gmail without our mail',
      (mail, failure) => gmail(mail, { ...failure, bare: true }),
      { original: null, status: '5.1.1', diagnostic: expect.anything() },
    ],
  ])('%s', async (_who, write, more) => {
    const report = await read(write(raw, { final: ada }))
    expect(report).toEqual({
      kind: 'report',
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      messageId: '<m1@example.org>',
      recipients: [{ final: ada, action: 'failed', ...more }],
    })
    expect(judgeBounce(report, sent, now)).toMatchObject({ kind: 'refused', code: 'address-refused', isStale: false })
  })
})

test.each<[string | null, string | null, string]>([
  ['5.1.1', null, 'address-refused'],
  ['5.2.2', 'smtp; 552 5.2.2 Mailbox full', 'address-refused'],
  ['5.4.4', 'X-Postfix; Host or domain name not found', 'address-refused'],
  ['5.0.0', null, 'address-refused'],
  ['5.0.0', 'smtp; 550 no such user here', 'address-refused'],
  ['5.0.0', 'smtp; 550 #5.1.0 Address rejected.', 'address-refused'],
  ['5.0.0', 'smtp; 550-5.1.1 no', 'address-refused'],
  [null, null, 'address-refused'],
  ['5.0.0', 'smtp; 554 no', 'mail-refused'],
  ['5.0.0', 'smtp; 550 5.7.1 spam', 'mail-refused'],
  ['5.7.1', 'smtp;550 5.7.1 RESOLVER.RST.AuthRequired; authentication required', 'mail-refused'],
  ['5.2.3', null, 'mail-refused'],
  ['5.3.4', null, 'mail-refused'],
  ['5.6.0', null, 'mail-refused'],
  ['5.4.7', 'smtp; 550 5.4.7 expired', 'mail-delayed'],
  ['5.3.0', null, 'mail-delayed'],
  ['5.1.8', null, 'mail-delayed'],
  ['4.4.1', 'X-Postfix; connect to mx.example.net[192.0.2.25]:25: Connection timed out', 'mail-delayed'],
  ['4.2.2', 'smtp; 452 4.2.2 full', 'mail-delayed'],
  [null, 'smtp; 451 later', 'mail-delayed'],
])('status %s, %s: %s', (status, diagnostic, meaning) => {
  expect(meaningOfBounce({ status, diagnostic })).toBe(meaning)
})

describe('what a report changes', () => {
  const nothing = (because: string) => ({ kind: 'nothing', because: expect.stringContaining(because) })
  const back = (code: string, isStale = false) => ({
    kind: 'refused',
    code,
    isStale,
    message: expect.stringMatching(/^came back: /),
  })
  const refused = back('address-refused')
  test.each<[string, Partial<Failure>, Partial<Returned> | null, Date, object]>([
    ['of a mail that was just sent: it came back', {}, {}, now, refused],
    ['however the address is written', { final: 'Ada@EXAMPLE.org' }, {}, now, refused],
    ['of policy: it came back, for no fault of its address', { status: '5.7.1' }, {}, now, back('mail-refused')],
    ['of time that ran out: so too', { status: '4.4.7' }, {}, days(0.9), back('mail-refused')],
    ['days later: it is told in another mail', {}, {}, days(5), back('address-refused', true)],
    ['when its words are forgotten: so too', {}, { hasWords: false }, now, back('address-refused', true)],
    ['when the clock has jumped back: it came back', {}, {}, days(-3), refused],
    ['15 days later: nothing', {}, {}, days(15), nothing('14 days')],
    ['that it is delayed: nothing', { action: 'delayed', status: '4.4.1' }, {}, now, nothing('delayed')],
    ['that it arrived: nothing', { action: 'delivered', status: '2.0.0' }, {}, now, nothing('delivered')],
    ['that a list has it: nothing', { action: 'expanded', status: '2.0.0' }, {}, now, nothing('expanded')],
    ['of an odd action: nothing', { action: '*' }, {}, now, nothing('no action')],
    ['of nobody it went to: nothing', { final: 'eve@example.org' }, {}, now, nothing('did not go to')],
    ['of no mail of ours: nothing', {}, null, now, nothing('no mail of ours')],
    ['of one that waits: nothing', {}, { state: 'pending' }, now, nothing('waits')],
    ['of one that was given up: nothing', {}, { state: 'failed' }, now, nothing('given up')],
    ['of one that was kept: nothing', {}, { state: 'kept' }, now, nothing('never sent')],
    [
      'of where the address sends on to: noted, without telling where',
      { final: 'secret@elsewhere.test', original: ada },
      {},
      now,
      { kind: 'noted', message: expect.stringMatching(/sends it on to: .*<\(another address\)>/) },
    ],
  ])('%s', async (_what, failure, mail, at, right) => {
    const report = await read(postfix(raw, { final: ada, ...failure }))
    expect(judgeBounce(report, mail && { ...sent, ...mail }, at)).toEqual(right)
  })

  test('handed in twice: once; another of the same mail is another', async () => {
    const [first, again] = [
      await read(exim(raw, { final: ada })),
      await read(`X-Later: 1\n${exim(raw, { final: ada })}`),
    ]
    expect(again.id).toBe(first.id)
    expect(judgeBounce(again, { ...sent, bounces: [first.id] }, now)).toEqual(nothing('before'))
    const other = await read(exim(raw, { final: ada, id: '<other@mail.example.org>' }))
    expect(judgeBounce(other, { ...sent, bounces: [first.id] }, now)).toEqual(refused)
  })

  test('without our mail or its id: nothing', async () => {
    const report = await read(postfix('Subject: x\r\n\r\n', { final: ada }))
    expect(report.messageId).toBeNull()
    expect(judgeBounce(report, null, now)).toEqual(nothing('no Message-ID'))
  })
})

const report = (body: string) => `Content-Type: multipart/report; boundary=a\n\n${body}`
const MiB = 1 << 20
describe('what is no report is said to be none', () => {
  test.each<[string, string, string]>([
    ['an empty mail', '', 'no part'],
    ['a letter', 'Subject: thanks\n\nfor the mail', 'no part'],
    [
      'a reply with a report in a mail in it',
      report(`--a\nContent-Type: message/rfc822\n\n${postfix(raw, { final: ada })}`),
      'no part',
    ],
    [
      'a report of nobody',
      report('--a\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n'),
      'no recipient',
    ],
    ['NULs', '\0'.repeat(MiB), 'cannot be read'],
    [
      '20,000 parts in each other',
      Array.from({ length: 20_000 }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join(''),
      'cannot be read',
    ],
    ['empty lines alone', report('\n'.repeat(MiB - 100)), 'it takes too'],
    [
      'links that do not end',
      report(`--a\nContent-Type: text/html\n\n${'<a href="'.repeat(100_000)}\n--a\nContent-Type: text/plain\n\nx\n`),
      'it takes too long',
    ],
  ])('%s', async (_what, text, because) => {
    expect(await readApart(Buffer.from(text), { patience: because.startsWith('it takes') ? 3000 : 120_000 })).toEqual({
      kind: 'none',
      because: expect.stringContaining(because),
    })
  })

  test('one that is cut anywhere is read as far as it goes, or is none', async () => {
    const whole = Buffer.from(postfix(raw, { final: ada }))
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: whole.length }),
        fc.uint8Array({ maxLength: 20 }),
        async (at, junk) => {
          const found = await readBounce(Buffer.concat([whole.subarray(0, at), junk]))
          if (found.kind === 'none') return expect(found.because).not.toBe('')
          expect(['refused', 'nothing', 'noted']).toContain(judgeBounce(found, sent, now).kind)
        },
      ),
    )
  })

  test('charsets and bytes that are none are read', async () => {
    const odd = postfix(raw, { final: ada, diagnostic: 'smtp; 550 5.1.1 \x00\xff\ud800' }).replace(
      'us-ascii',
      'no-such-charset',
    )
    const found = judgeBounce((await readApart(Buffer.from(odd, 'latin1'))) as BounceReport, sent, now)
    expect(found).toMatchObject({ kind: 'refused', message: expect.not.stringContaining('\0') })
  })
})
