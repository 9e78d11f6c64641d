import { expect, test } from '@jest/globals'
import { notifiers } from '../../src/channels/notifiers.ts'
import { item, message, publicUrl } from '../channels/told.ts'
import { notifierSuite, type Reader } from './notifier-suite.ts'

const textOf = (body: object, field: string): string => {
  const text: unknown = new Map(Object.entries(body)).get(field)
  if (typeof text !== 'string') throw new Error(`the body has no ${field}`)
  return text
}
const moreIn = (text: string): number => Number(/… and (\d+) more/.exec(text)?.[1] ?? 0)

/** Slack: https://docs.slack.dev/messaging/formatting-message-text; what is in code is no markup, in Mattermost neither. */
const slack: Reader = {
  text: (body) => textOf(body, 'text'),
  more: (body) => moreIn(textOf(body, 'text')),
  most: 16_000,
  strange(body) {
    const text = textOf(body, 'text')
    const ofOurs = new RegExp(`<${publicUrl}/[^<>|\\s]+\\|(?:details|the build|all of them)>`, 'g')
    const outside = text.replace(/`[^`\n]*`/g, '').replace(ofOurs, '')
    const inside = [...text.matchAll(/`([^`\n]*)`/g)].map(([, code]) => code!)
    return [
      ...(outside.match(/[<>`@*_~[\]]|&(?!(?:amp|lt|gt);)/g) ?? []),
      ...inside.filter((code) => /[<>]|&(?!(?:amp|lt|gt);)/.test(code)),
    ]
  },
}

/** Matrix: https://spec.matrix.org/latest/client-server-api/#mroommessage-msgtypes */
const matrix: Reader = {
  text: (body) => textOf(body, 'text').replaceAll('\u200b', ''),
  more: (body) => moreIn(textOf(body, 'text')),
  most: 60_000,
  strange(body) {
    const html = textOf(body, 'html')
    const ofOurs = new RegExp(`<a href="${publicUrl}/[^"<>\\s]+">(?:details|the build|all of them)</a>`, 'g')
    const rest = html
      .replace(ofOurs, '')
      .replace(/<code>([^<>]*)<\/code>/g, '$1')
      .replaceAll('<br>', '')
    return [
      ...(rest.match(/[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/g) ?? []),
      ...(textOf(body, 'text').match(/@room|@here/g) ?? []),
      ...(rest.match(/@room|@here/g) ?? []),
    ]
  },
}

const webhook: Reader = {
  text: (body) => JSON.stringify(body),
  more: () => 0,
  // JSON is read by a program: there is no markup in it
  strange: (body) => (JSON.parse(JSON.stringify(body)).specversion === '1.0' ? [] : ['no CloudEvent']),
  most: 600 * 1024,
}

const readers: Record<keyof typeof notifiers, Reader> = { webhook, slack, matrix }

for (const [kind, notifier] of Object.entries(notifiers))
  notifierSuite(kind, notifier, readers[kind as keyof typeof notifiers])

test('every kind of channel has passed', () => expect(Object.keys(readers)).toEqual(Object.keys(notifiers)))

test.each([
  ['app', 'namespace app'],
  ['_', 'the global namespace are'],
  ['r.test/app', 'namespace r.test/app'],
  ['r.test/_', 'the global namespace of r.test'],
])('chats say which namespace it is: %s', (namespace, words) => {
  for (const kind of ['slack', 'matrix'] as const) {
    const told = { ...message([item('r.test/app/a:1'), item('r.test/app/b:1')]), namespace }
    const [{ body } = { body: {} }] = notifiers[kind].write(told, { publicUrl }, () => 'an-id')
    expect(readers[kind].text(body).replaceAll('`', '')).toContain(words)
  }
})
