import { chatLines, oneLine, type Span } from './chat-lines.ts'
import { type Notifier, typeOf } from './notifier.ts'

/**
 * An incoming webhook of Slack, or of Mattermost, which takes the same: `{"text": …}`.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 * https://developers.mattermost.com/integrate/webhooks/incoming/
 */
export const slack: Notifier = {
  write: (message, { publicUrl }, newId) => [
    {
      id: newId(),
      type: typeOf(message.kind),
      body: {
        text: chatLines(message, publicUrl)
          .map((line) => line.map(mrkdwn).join(''))
          .join('\n'),
      },
    },
  ],
  headers: () => ({ 'content-type': 'application/json; charset=utf-8' }),
}

/**
 * Names from outside stand in code alone, where neither `@here` nor Markdown means anything; of Slack's own markup `<`, `>` and `&` are
 * all there is to escape: https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
function mrkdwn(span: Span): string {
  if ('code' in span) return `\`${escaped(oneLine(span.code).replaceAll('`', "'"))}\``
  if ('link' in span) return `<${escaped(span.link).replaceAll('|', '%7C')}|${escaped(span.label)}>`
  return escaped(span.text)
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const escaped = (text: string): string => text.replace(/[&<>]/g, (character) => entities[character]!)
