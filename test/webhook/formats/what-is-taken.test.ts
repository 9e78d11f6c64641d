import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { connect } from '../../../src/db/postgres.ts'
import { documented } from './documented.ts'
import { named, requestOf } from './senders.ts'
import { headerToken, registry, type Stage, secretOf, send, setStage, urlToken } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await setStage()
})
beforeEach(() => stage.clear())
afterAll(() => stage.close())

describe.each(named)('%s: what is taken', (_, sender) => {
  const { format, host, proof } = sender
  const own = () => registry(host, { webhook: stage.identity() })
  const right = () => requestOf(sender, secretOf(sender))

  test('202 once it is durable, with what it leads to; nothing that is written down holds the secret', async () => {
    const url = await stage.serve([own()])
    const sent = await right()
    const answer = await send(url, format, sent)
    expect([answer.status, await answer.text()]).toEqual([202, 'accepted\n'])
    const stored = await stage.rows()
    expect(stored.length).toBeGreaterThan(0)
    expect(
      stored.every((row) => row.registry === host && row.eventId.startsWith(`${format}${proof === 'url' ? '?' : ':'}`)),
    ).toBe(true)
    // a token in an address opens nothing but a question
    if (proof === 'url') expect(new Set(stored.map((row) => row.action))).toEqual(new Set(['look']))
    expect((await stage.jobs()).length).toBeGreaterThan(0)
    for (const secret of [headerToken, urlToken])
      expect([stage.written(), JSON.stringify(stored)].join()).not.toContain(secret)
  })

  test('also where the address ends with a slash', async () => {
    const url = await stage.serve([own()])
    expect((await send(url, `${format}/`, await right())).status).toBe(202)
    expect((await stage.rows()).length).toBeGreaterThan(0)
  })

  test('without its proof, or with a wrong one: 401, and nothing is kept', async () => {
    const url = await stage.serve([own()])
    const { body, headers } = documented(sender.example)
    const text = JSON.stringify(body)
    for (const shown of [{ headers: {}, query: '' }, await sender.show('wrong', text), await sender.show('', text)]) {
      const answer = await send(url, format, {
        headers: { ...headers, ...shown.headers },
        query: shown.query,
        body: text,
      })
      expect(answer.status).toBe(401)
    }
    expect(await stage.rows()).toEqual([])
    expect(await stage.jobs()).toEqual([])
  })

  test('of several registries it is the one whose secret it shows, or the one that its address names', async () => {
    const secrets =
      proof === 'url' ? { webhook: { urlToken: 'the-url-token-of-b' } } : { webhookToken: 'the-token-of-b' }
    const b = proof === 'identity' ? own() : registry(host, secrets)
    const a = registry('a.test', { webhook: stage.identity('another@my-project.iam.gserviceaccount.com') })
    const url = await stage.serve([a, b])
    const common = await right()
    const ofB =
      proof === 'identity' ? common : await requestOf(sender, proof === 'url' ? 'the-url-token-of-b' : 'the-token-of-b')
    expect((await send(url, format, common)).status).toBe(proof === 'identity' ? 202 : 401)
    expect((await send(url, format, ofB)).status).toBe(202)
    expect((await send(url, format, common, host)).status).toBe(202)
    expect((await send(url, format, ofB, 'a.test')).status).toBe(401)
    expect((await send(url, format, common, 'c.test')).status).toBe(401)
    expect(new Set((await stage.rows()).map((row) => row.registry))).toEqual(new Set([host]))
  })

  test('while the database is down: 503, and the next try finds its way', async () => {
    const down = connect('postgres://127.0.0.1:1/nothing', { max: 1 })
    const url = await stage.serve([own()], down)
    const answer = await send(url, format, await right())
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect((await send(await stage.serve([own()]), format, await right())).status).toBe(202)
    await down.end({ timeout: 1 })
  })

  test.each([
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['something else', '{"hello":1}'],
  ])('%s is recorded as ignored, and the registry is compared', async (_, body) => {
    const url = await stage.serve([own()])
    const { 'ce-specversion': _1, 'ce-type': _2, ...headers } = documented(sender.example).headers
    for (let i = 0; i < 2; i++) {
      const shown = await sender.show(secretOf(sender), body)
      const sent = { headers: { ...headers, ...shown.headers }, query: shown.query, body }
      expect((await send(url, format, sent)).status).toBe(202)
    }
    expect(await stage.rows()).toMatchObject([{ outcome: 'ignored', reason: 'not-of-this-format' }])
    expect(await stage.jobs()).toEqual([`reconcile reconcile:${host}`])
  })

  test('another method: 405', async () => {
    const answer = await fetch(`${await stage.serve([own()])}/${format}?token=${urlToken}`)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
  })
})
