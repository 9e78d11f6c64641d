import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isAuthentic, isSigned } from '../../src/triggers/signature.ts'

const now = new Date('2026-11-20T10:00:00Z')
const seconds = (date: Date) => String(Math.floor(date.getTime() / 1000))
const later = (hours: number) => new Date(now.getTime() + hours * 3_600_000)
const hex = (body: string | Buffer, secret: string) => createHmac('sha256', secret).update(body).digest('hex')

test("GitHub's own example of a signature", () => {
  // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
  const said = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
  const check = (body: string) =>
    isAuthentic({ 'x-hub-signature-256': said }, Buffer.from(body), "It's a Secret to Everybody", now)
  expect([check('Hello, World!'), check('Hello, World?')]).toEqual([true, false])
})

describe('the signing token of GitLab, as Standard Webhooks has it', () => {
  // https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/index.test.ts has this key, id and body
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
  const body = '{"test": 2432232314}'
  const sign = (time: string, key = secret, of = body, by = id) =>
    `v1,${createHmac('sha256', Buffer.from(key.slice(6), 'base64'))
      .update(`${by}.${time}.${of}`)
      .digest('base64')}`
  const time = seconds(now)
  const check = (headers: Record<string, string | string[] | undefined>, of = body) =>
    isAuthentic(
      { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': sign(time), ...headers },
      Buffer.from(of),
      secret,
      now,
    )

  test('is that of the known example', () => {
    const at = new Date(1614265330 * 1000)
    const headers = {
      ...{ 'webhook-id': id, 'webhook-timestamp': '1614265330' },
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    }
    expect(isAuthentic(headers, Buffer.from(body), secret, at)).toBe(true)
  })
  test('is right alone, among others, and beside a token', () => {
    expect(isSigned({ 'webhook-signature': 'x' })).toBe(true)
    const other = sign(time, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')
    for (const said of [sign(time), `${other} ${sign(time)}`, `v1a,x ${sign(time)} v1,`])
      expect(check({ 'webhook-signature': said })).toBe(true)
    expect(check({ 'x-gitlab-token': 'whatever' })).toBe(true)
  })
  test.each<[string, Record<string, string | string[] | undefined>]>([
    ['of another body', { 'webhook-signature': sign(time, secret, `${body} `) }],
    ['of another key', { 'webhook-signature': sign(time, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA') }],
    ['of another id', { 'webhook-id': 'msg_other' }],
    ['of another time', { 'webhook-timestamp': seconds(later(1)) }],
    ['of another version', { 'webhook-signature': sign(time).replace('v1,', 'v2,') }],
    ['without a version', { 'webhook-signature': sign(time).slice(3) }],
    ['empty', { 'webhook-signature': '' }],
    ['twice', { 'webhook-signature': [sign(time), sign(time)] }],
    ['without an id', { 'webhook-id': undefined }],
    ['without a time', { 'webhook-timestamp': undefined }],
    ['beside a wrong one of the body alone', { 'x-hub-signature-256': 'sha256=00' }],
  ])('is wrong %s', (_, headers) => expect(check(headers)).toBe(false))
  test('wrong beside the right token is wrong', () =>
    expect(check({ 'webhook-signature': 'v1,x', 'x-gitlab-token': secret })).toBe(false))
  test.each([-25, 25])('is wrong %i hours from now: what was seen then is no longer known', (hours) => {
    const then = seconds(later(hours))
    expect(check({ 'webhook-timestamp': then, 'webhook-signature': sign(then) })).toBe(false)
    const near = seconds(later(Math.sign(hours) * 23))
    expect(check({ 'webhook-timestamp': near, 'webhook-signature': sign(near) })).toBe(true)
  })
  test.each(['NaN', '', '-1', '1e9', `${time}.5`, ' ', '9'.repeat(40)])('is wrong at the time %j', (odd) =>
    expect(check({ 'webhook-timestamp': odd, 'webhook-signature': sign(odd) })).toBe(false),
  )
})

test('of a form GitHub signs the whole, Gitea and Forgejo what its field holds', () => {
  const payload = '{"ref": "refs/heads/ä+b&c"}'
  const form = Buffer.from(new URLSearchParams({ payload }).toString())
  const check = (signed: string | Buffer, type: string) =>
    isAuthentic(
      {
        'content-type': type,
        'x-gitea-signature': hex(signed, 'secret'),
        'x-hub-signature-256': `sha256=${hex(signed, 'secret')}`,
      },
      form,
      'secret',
      now,
    )
  const type = 'application/x-www-form-urlencoded'
  expect([check(form, type), check(payload, type), check(payload, `${type}; charset=utf-8`)]).toEqual([
    true,
    true,
    true,
  ])
  expect([check(payload, 'application/json'), check('{}', type)]).toEqual([false, false])
})

test('whatever headers and body come, who does not know the secret is not let in, and nothing is thrown', () => {
  const names = [
    'x-hub-signature-256',
    'x-gitea-signature',
    'webhook-signature',
    'webhook-id',
    'webhook-timestamp',
    'x-gitlab-token',
  ]
  const value = fc.oneof(fc.string(), fc.constant(seconds(now)), fc.array(fc.string()))
  const headers = fc.dictionary(fc.constantFrom(...names, 'content-type'), value)
  fc.assert(
    fc.property(headers, fc.uint8Array(), (said, body) =>
      expect(isAuthentic(said, Buffer.from(body), 'a-secret-that-nobody-guesses', now)).toBe(false),
    ),
  )
})
