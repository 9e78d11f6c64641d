import type { Message, ToldItem } from '../src/channels/notifier.ts'
import { type ChannelKind, channelKinds, notifiers } from '../src/channels/notifiers.ts'

/** What docs/channels.md shows of each kind of channel, made by the code that sends it. */

const base = 'registry.example.com/lib/debian:12'
const publicUrl = 'https://drydock.example.com'
const from = 'sha256:2b1f0f4c5c2a7a1d6a6f6f0f2b8a9b0c1d2e3f405162738495a6b7c8d9e0f1a2'
const to = 'sha256:9c4e8d7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d'

const item = (ref: string, digest: string, state: ToldItem['rebuild']['state']): ToldItem => ({
  ...{ ref, digest, platforms: ['linux/amd64'], outdatedSince: '2026-11-21T02:58:01.000Z' },
  causes: [
    {
      ...{ base, from, to, role: 'runtime', evidence: ['provenance', 'layers'], confidence: 'declared' },
      ...{ stillAt: [], via: null, platforms: ['linux/amd64'] },
    },
  ],
  ...{ rebuild: { state, build: null, waitsFor: [] }, now: 'outdated' },
})

const web = item(
  'registry.example.com/app/web:1',
  'sha256:5e0c6b1f3a7d2c4e8f9a0b1c2d3e4f5061728394a5b6c7d8e9f0a1b2c3d4e5f6',
  'settling',
)
const tool = item(
  'registry.example.com/app/tool:2',
  'sha256:7f6e5d4c3b2a19081726354453627180f9e8d7c6b5a493827160514233241506',
  'none',
)

const message = (items: ToldItem[]): Message => ({
  ...{ kind: 'outdated', namespace: 'app', base, to, items, at: new Date('2026-11-21T03:03:02.000Z') },
  url: `${publicUrl}/api/v1/outdated?${new URLSearchParams({ namespace: 'app', base })}`,
})

/** The body that the page shows. */
export function channelExample(kind: ChannelKind): object {
  const told = message(kind === 'webhook' ? [web] : [tool, web])
  const [written] = notifiers[kind].write(told, { publicUrl }, () => '5f0b6a0e-6a57-4f0f-9a64-0d0f3a8b9c11')
  if (!written) throw new Error(`${kind} tells nothing`)
  return written.body
}

/** The page with its examples made anew, each under its mark (`<!-- example KIND: npm run docs:generate -->`). */
export function withChannelExamples(page: string): string {
  return channelKinds.reduce((text, kind) => {
    const mark = `<!-- example ${kind}: npm run docs:generate -->\n\`\`\`json\n`
    const [start, end] = [text.indexOf(mark), text.indexOf('```\n', text.indexOf(mark) + mark.length)]
    if (start < 0 || end < 0) throw new Error(`docs/channels.md lacks the mark ${mark}`)
    return `${text.slice(0, start + mark.length)}${JSON.stringify(channelExample(kind), null, 2)}\n${text.slice(end)}`
  }, page)
}
