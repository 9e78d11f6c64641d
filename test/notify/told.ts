import type { Rights } from '../../src/notify/digest-links.ts'
import type { NoticeContent, Outlook, Told } from '../../src/notify/digest-outline.ts'

/** Notices as they are given to digest.ts. */
export const sha = (digit: string) => `sha256:${digit.repeat(64)}`
export const base = 'localhost:5000/lib/base:1'
export const run = 'localhost:5000/app/run:1'

export const content = (more: Partial<NoticeContent> = {}): NoticeContent => ({
  base,
  role: 'runtime',
  from: sha('a'),
  to: sha('b'),
  evidence: ['layers'],
  confidence: 'inferred',
  stillAt: [],
  via: null,
  platforms: ['linux/amd64'],
  pinned: false,
  since: '1795229881000000000',
  ...more,
})
export const outdated = (state: string, more: object = {}): Outlook =>
  ({ fate: 'outdated', rebuild: { state, build: null, waitsFor: [], ...more } }) as Outlook
export const told = (more: Partial<Told> = {}): Told => ({
  namespace: 'app',
  ref: run,
  content: content(),
  outlook: outdated('none'),
  ...more,
})
/** Who may do whatever is to be done. */
export const all: Rights = { plan: () => 'approve', build: () => true, read: () => true }
export const ada = {
  ...{ name: 'Ada', publicUrl: 'https://drydock.example.org', now: new Date('2026-11-22T00:00:00Z') },
  rights: all,
}

export const squeezed = (text: string) => text.replace(/\s+/g, ' ')

/** What a reader of HTML alone sees, and where its links lead. */
export function readable(html: string): string {
  const marks: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  const shown = html.replace(/<a href="([^"]*)">/g, '$1 ').replace(/<[^>]*>/g, '')
  return squeezed(shown.replace(/&(#?\w+);/g, (_all, mark: string) => marks[mark]!))
}
