import { escapeHtml, link } from '../notify/digest-escape.ts'
import { chatLines, type Line, oneLine, type Span } from './chat-lines.ts'
import { type Notifier, typeOf } from './notifier.ts'

/**
 * An incoming webhook of a Matrix room, in the format of hookshot's generic webhooks: `{text, html, username}`; `text` is what clients
 * without HTML show. https://matrix-org.github.io/matrix-hookshot/latest/setup/webhooks.html
 */
export const matrix: Notifier = {
  write(message, { publicUrl }, newId) {
    const lines = chatLines(message, publicUrl)
    const body = { text: lines.map(plainText).join('\n'), html: lines.map(html).join('<br>'), username: 'Drydock' }
    return [{ id: newId(), type: typeOf(message.kind), body }]
  },
  headers: () => ({ 'content-type': 'application/json; charset=utf-8' }),
}

const html = (line: Line): string => line.map(spanHtml).join('')

function spanHtml(span: Span): string {
  if ('code' in span) return `<code>${escapeHtml(quiet(oneLine(span.code)))}</code>`
  if ('link' in span) return link(span.link, span.label)
  return escapeHtml(span.text)
}

const plainText = (line: Line): string =>
  line.map((span) => ('code' in span ? quiet(oneLine(span.code)) : 'link' in span ? span.link : span.text)).join('')

/** A mention in plain text calls people: `@room` all of them. https://spec.matrix.org/latest/client-server-api/#user-and-room-mentions */
const quiet = (text: string): string => text.replaceAll('@', '@\u200b')
