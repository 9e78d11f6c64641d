import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { channelExample, withChannelExamples } from '../../scripts/channel-examples.ts'
import { webhook } from '../../src/channels/webhook.ts'

const page = readFileSync(fileURLToPath(new URL('../../docs/channels.md', import.meta.url)), 'utf8')
const verifying = /<!-- example verify -->\n```js\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
const id = '5f0b6a0e-6a57-4f0f-9a64-0d0f3a8b9c11'
const example = channelExample('webhook')

test('the examples are what is sent', () => expect(withChannelExamples(page)).toBe(page))

describe('the check that receivers are shown', () => {
  let dir: string
  let verify: (headers: Record<string, string>, body: string, secret: string, now?: number) => boolean
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'verify-'))
    const file = join(dir, 'verify.mjs')
    writeFileSync(file, verifying)
    verify = (await import(pathToFileURL(file).href)).verify
  })
  afterAll(() => rm(dir, { recursive: true }))

  const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
  const at = new Date('2026-11-21T03:00:00Z')
  const body = JSON.stringify(example)
  const headers = webhook.headers({ id, body }, [secret], at)

  test('takes what Drydock signed', () => expect(verify(headers, body, secret, at.getTime())).toBe(true))
  test.each([
    ['changed', headers, `${body} `, secret, 0],
    ['old', headers, body, secret, 301_000],
    ['signed by somebody else', headers, body, `whsec_${Buffer.alloc(32, 6).toString('base64')}`, 0],
    ['of another id', { ...headers, 'webhook-id': 'x' }, body, secret, 0],
  ])('refuses what is %s', (_what, said, text, by, late) => {
    expect(verify(said, text, by, at.getTime() + late)).toBe(false)
  })
})
