import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { drydock } from '../cli/run.ts'
import { postfix } from '../notify/bounces.ts'
import { addMail } from '../notify/outbox.ts'
import { freePort } from '../support/free-port.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
let id: string
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
})
beforeEach(async () => {
  await pg.sql`truncate mail, notice, address_fault cascade`
  id = await addMail(pg.sql)
  await pg.sql`update mail set state = 'sent', sent_at = now() where id = ${id}`
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const message = { 'content-type': 'message/rfc822' }
const bounce = (mail = id) => postfix(`Message-ID: <${mail}@example.org>\r\n\r\n`, { final: 'ada@example.org' })
const post = (raw: string | Buffer, headers: Record<string, string> = message, token?: string) =>
  api.call('POST', 'bounces', { raw, headers, ...(token === undefined ? {} : { token }) })
const letter = 'From: ada@example.org\nSubject: thanks\n\nNow it works.\n'
const large = Buffer.concat([Buffer.from(bounce()), Buffer.alloc(1 << 20, 0x20)])

describe('POST /bounces', () => {
  test('answers what was found, and what became of it; once', async () => {
    const taken = await post(bounce())
    expect([taken.status, taken.body]).toEqual([
      200,
      {
        ...{ mail: id, messageId: `<${id}@example.org>`, outcome: 'address-refused' },
        because: expect.stringMatching(/^came back: 550 5\.1\.1 <ada@example\.org>: /),
        recipients: [
          {
            ...{ final: 'ada@example.org', original: 'ada@example.org', action: 'failed', status: '5.1.1' },
            diagnostic: 'smtp; 550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown',
          },
        ],
      },
    ])
    expect(await api.get(`mails/${id}`)).toMatchObject({ state: 'pending', error: taken.body.because, sentAt: null })
    expect((await api.get('address-faults')).items).toMatchObject([{ address: 'ada@example.org', refusals: 1 }])
    expect((await post(bounce())).body).toMatchObject({ outcome: 'nothing', because: 'this was read before' })
    expect((await api.get('address-faults')).items).toMatchObject([{ refusals: 1 }])
    const logged = await api.get('audit?limit=1')
    expect(logged.items).toMatchObject([
      { action: 'POST /bounces', details: { bytes: bounce().length, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } },
    ])
  })

  test('of a mail that is none of ours changes nothing', async () => {
    const taken = await post(bounce(crypto.randomUUID()))
    expect([taken.status, taken.body.mail, taken.body.outcome]).toEqual([200, null, 'nothing'])
  })

  test.each<[string, string | Buffer, Record<string, string>, number, string]>([
    ['no bounce', letter, message, 400, 'bad-request'],
    ['nothing', '', message, 400, 'bad-request'],
    ['JSON', '{}', { 'content-type': 'application/json' }, 415, 'not-message'],
    ['a text', bounce(), { 'content-type': 'text/plain' }, 415, 'not-message'],
    ['more than 1 MiB', large, message, 413, 'body-too-large'],
    ['a bomb', gzipSync(Buffer.alloc(50_000_000)), { ...message, 'content-encoding': 'gzip' }, 413, 'body-too-large'],
    ['broken compression', 'x', { ...message, 'content-encoding': 'gzip' }, 400, 'bad-request'],
  ])('refuses %s', async (_what, raw, headers, status, code) => {
    const answer = await post(raw, headers)
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(await api.get(`mails/${id}`)).toMatchObject({ state: 'sent' })
  })

  test('is for admins alone', async () => {
    await api.call('PUT', 'users/eve', { body: { email: 'eve@example.org' } })
    const made = await api.call<{ token: string }>('POST', 'tokens', { body: { user: 'eve', name: 't' } })
    const answer = await post(bounce(), message, made.body.token)
    expect([answer.status, answer.body.code]).toEqual([403, 'forbidden'])
    expect((await api.get('address-faults')).items).toEqual([])
  })
})

describe('drydock mail bounced', () => {
  const run = (stdin: string, env: Record<string, string> = {}, args: string[] = []) =>
    drydock(['mail', 'bounced', ...args], { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token, ...env }, stdin)

  test('hands a bounce in, and says what became of it', async () => {
    const done = await run(bounce())
    expect([done.code, done.err]).toEqual([0, ''])
    expect(done.out).toMatch(/^address-refused: came back: 550 5\.1\.1/)
    expect(await api.get(`mails/${id}`)).toMatchObject({ state: 'pending' })
    expect(JSON.parse((await run(bounce(), {}, ['--json'])).out)).toMatchObject({ mail: id, outcome: 'nothing' })
  })

  test.each<[string, number, string, () => string, () => Promise<Record<string, string>> | Record<string, string>]>([
    ['a letter: sent back', 1, 'no bounce', () => letter, () => ({})],
    ['more than 1 MiB: sent back', 1, '1 MiB', () => large.toString(), () => ({})],
    [
      'the service is away: kept',
      75,
      'no service answers',
      bounce,
      async () => ({ DRYDOCK_URL: `http://127.0.0.1:${await freePort()}` }),
    ],
    ['the token is wrong: kept', 75, 'token', bounce, () => ({ DRYDOCK_TOKEN: 'wrong' })],
    ['there is no token: kept', 75, 'DRYDOCK_TOKEN', bounce, () => ({ DRYDOCK_TOKEN: '' })],
    [
      'its file is not there: kept',
      75,
      'ENOENT',
      bounce,
      () => ({ DRYDOCK_TOKEN: '', DRYDOCK_TOKEN_FILE: '/nowhere/token' }),
    ],
    ['it answers no JSON: kept', 75, '', bounce, () => ({ DRYDOCK_URL: `${api.url}/login?` })],
  ])('%s', async (_what, code, words, stdin, env) => {
    const done = await run(stdin(), await env())
    expect([done.code, done.err.includes(words), done.err.startsWith('drydock: ')]).toEqual([code, true, true])
    expect(await api.get(`mails/${id}`)).toMatchObject({ state: 'sent' })
  })

  test('used wrongly: 2', async () => {
    expect((await run('', {}, ['--nonsense'])).code).toBe(2)
  })
})
