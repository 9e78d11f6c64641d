import type { Message, Telling, ToldItem } from '../../src/channels/notifier.ts'
import { sha } from '../notify/flags.ts'

export const base = 'r.test/lib/base:1'
export const publicUrl = 'https://drydock.test'

export const item = (ref: string, more: Partial<ToldItem> = {}): ToldItem => ({
  ref,
  digest: sha(ref),
  platforms: ['linux/amd64'],
  outdatedSince: '2026-11-21T02:58:01.000Z',
  causes: [
    {
      ...{ base, from: sha('v1'), to: sha('v2'), role: 'runtime', evidence: ['layers'], confidence: 'inferred' },
      ...{ stillAt: [], via: null, platforms: ['linux/amd64'] },
    },
  ],
  rebuild: { state: 'none', build: null, waitsFor: [] },
  now: 'outdated',
  ...more,
})

export const message = (items: ToldItem[], more: Partial<Telling> = {}): Message => ({
  ...{ kind: 'outdated', namespace: 'app', base, to: sha('v2'), items, at: new Date('2026-11-21T03:00:00Z') },
  url: `${publicUrl}/?namespace=app&base=r.test%2Flib%2Fbase%3A1`,
  ...more,
})

export const test: Message = {
  ...{ kind: 'test', namespace: 'app', at: new Date('2026-11-21T03:00:00Z'), url: `${publicUrl}/?namespace=app` },
}
