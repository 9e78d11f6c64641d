import { escapeHtml } from '../notify/digest-escape.ts'
import { namespaceTitle } from '../notify/digest-words.ts'
import type { Mailbox } from '../notify/unsubscribe.ts'
import type { Unsubscribe } from '../notify/unsubscribe-token.ts'

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escapeHtml(title)}</title>
<style>body{margin:0;padding:24px;font:17px/1.5 system-ui,sans-serif}main{max-width:34em;margin:0 auto}
h1{font-size:22px;overflow-wrap:anywhere}button{font:inherit;padding:8px 16px;border-radius:6px;border:1px solid #8888;cursor:pointer}
.small{font-size:15px;opacity:.8}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>
${body}
</main></body></html>
`

const form = (name: string, value: string, label: string): string =>
  `<form method="post"><input type="hidden" name="${name}" value="${escapeHtml(value)}"><button type="submit">${label}</button></form>`

const what = ({ namespace }: Unsubscribe): string =>
  namespace === null ? 'any mail from Drydock' : `mails of ${namespaceTitle(namespace)}`
const how =
  '<p class="small">With an API token, <code>drydock notifications</code> shows how you are written to, and changes it: daily or weekly instead of at once, for all or for one namespace.</p>'

const notBearer =
  '<p>The user whom this link was sent to is not here any more. If you get mails, the newest has a link that ends them.</p>'

const again = (): string => form('Send', 'Again', 'Send me these mails')

/** Nothing has happened yet: whoever looks at a link has not asked for anything. */
export const askPage = (link: Unsubscribe, mailbox: Mailbox): string =>
  mailbox === 'on'
    ? page(
        'Stop these mails?',
        `<p>${escapeHtml(link.person)} would no longer be sent ${escapeHtml(what(link))}. What is outdated stays so.</p>
${form('List-Unsubscribe', 'One-Click', 'Stop these mails')}${how}`,
      )
    : page(
        'You get none of these mails',
        `<p>${escapeHtml(link.person)} is not sent ${escapeHtml(what(link))}.</p>
${mailbox === 'off' ? again() : ''}${mailbox === 'nobody' ? notBearer : ''}${how}`,
      )

/** `mailbox`, `back`: as it was. Where it was off already there is nothing to set back. */
export const donePage = (link: Unsubscribe, mailbox: Mailbox, back: string): string =>
  mailbox === 'on'
    ? page(
        'No more of these mails',
        `<p>${escapeHtml(link.person)} is no longer sent ${escapeHtml(what(link))}.</p>
${form('Set-Back', back, 'Set it back as it was')}${how}`,
      )
    : askPage(link, mailbox)

export const againPage = (link: Unsubscribe): string =>
  page(
    'You get these mails',
    `<p>${escapeHtml(link.person)} is sent ${escapeHtml(link.namespace === null ? 'mails from Drydock' : what(link))} again.</p>${how}`,
  )

export const setBackPage = (link: Unsubscribe): string =>
  page('As it was', `<p>${escapeHtml(link.person)} is written to as before.</p>${how}`)

export const oddPage = page(
  'This link does nothing',
  '<p>It is no link of this Drydock, or its key was changed since. The newest mail has one that works.</p>',
)
