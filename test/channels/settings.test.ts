import { expect, test } from '@jest/globals'
import { ConfigError, loadSettings } from '../../src/config.ts'

const load = (file: object) => loadSettings({ DRYDOCK_CONFIG: 'drydock.yaml' }, () => JSON.stringify(file), 0)

test('channels may send into the internet alone, unless the file says where else', () => {
  expect(load({}).channels).toEqual({ allow: [] })
  expect(load({ channels: {} }).channels).toEqual({ allow: [] })
  const allow = ['chat.internal:8065', '*.hooks.internal', '::1', '10.0.0.?']
  expect(load({ channels: { allow } }).channels).toEqual({ allow })
})

test.each([
  [{ allow: 'chat.internal' }, 'channels: allow'],
  [{ allow: ['https://chat.internal'] }, 'channels: allow: 0'],
  [{ allow: ['chat.internal', ''] }, 'channels: allow: 1'],
  [{ deny: [] }, 'channels'],
])('%j is a fault, and the start says where', (channels, place) => {
  expect(() => load({ channels })).toThrow(ConfigError)
  expect(() => load({ channels })).toThrow(`DRYDOCK_CONFIG: ${place}`)
})
