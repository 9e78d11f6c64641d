import type { TokenView } from '../access/api-tokens.ts'
import type { SessionView } from '../access/sessions.ts'
import { Every, type NotifySettings } from '../notify/notify-settings.ts'
import { type Html, html } from './html.ts'
import { told } from './page.ts'

export type Account = {
  root: string
  name: string
  displayName: string | null
  email: string | null
  admin: boolean
  hasPassword: boolean
  members: { namespace: string; role: string }[]
  tokens: TokenView[]
  settings: NotifySettings
  sessions: SessionView[]
  /** hash of the one that asks */
  session: string
  done: string | null
  fault: string | null
  /** shown this once */
  token: string | null
}

export const accountBody = (account: Account): Html => html`${told(account.fault)}${told(account.done, 'done')}
${account.token !== null && html`<p class="told"><code>${account.token}</code></p>`}
${whoAmI(account)}
${tokens(account)}
${notifications(account)}
${password(account)}
${sessions(account)}`

const at = (date: Date): Html =>
  html`<time datetime="${date.toISOString()}">${date.toISOString().slice(0, 16).replace('T', ' ')} UTC</time>`
const option = (value: string, label: string, chosen: boolean): Html =>
  html`<option value="${value}"${chosen ? html` selected` : null}>${label}</option>`
const check = (name: string, label: string, on: boolean): Html =>
  html`<label class="check"><input type="checkbox" name="${name}"${on ? html` checked` : null}> ${label}</label>`

const whoAmI = ({
  name,
  displayName,
  email,
  admin,
  members,
}: Account): Html => html`<p>${displayName ?? name} (${name})${admin && ', admin'}.
${email === null ? 'No address is known: you are sent no mail.' : html`Mail goes to ${email}.`}</p>
<h2>Your namespaces</h2>
${
  members.length === 0
    ? html`<p>You are a member of none.</p>`
    : html`<ul class="rows">${members.map(({ namespace, role }) => html`<li><span>${namespace}</span><span>${role}</span></li>`)}</ul>`
}`

const namespaceOptions = ({ members }: Account): Html[] =>
  members.map(({ namespace }) => option(namespace, namespace, false))

const tokens = (account: Account): Html => html`<h2>API tokens</h2>
<ul class="rows">${account.tokens.map(
  (token) => html`<li><span>${token.name} <span class="small">${token.scopes.join(' ') || 'all that you may'};
${token.expiresAt === null ? 'does not expire' : html`expires ${at(token.expiresAt)}`}; ${token.lastUsedAt === null ? 'never used' : html`last used ${at(token.lastUsedAt)}`}</span></span>
<form method="post" action="${account.root}/account/revoke"><input type="hidden" name="id" value="${token.id}">
<button type="submit" aria-label="Revoke ${token.name}">Revoke</button></form></li>`,
)}</ul>
<form method="post" action="${account.root}/account/token">
<label for="token-name">A new token: what it is for</label><input id="token-name" name="name" maxlength="100" required autocomplete="off">
<label for="token-level">It may</label><select id="token-level" name="level">${[
  option('', 'all that you may', false),
  ...['read', 'build', 'manage'].map((level) => option(level, level, level === 'read')),
]}</select>
<label for="token-namespace">in</label><select id="token-namespace" name="namespace">${option('', 'all namespaces', true)}${namespaceOptions(account)}</select>
<label for="token-days">for so many days (empty: for ever)</label><input id="token-days" name="days" inputmode="numeric" value="90">
<p><button type="submit">Make the token</button></p></form>`

const words: Record<Every, string> = {
  ...{ immediately: 'at once', daily: 'once a day', weekly: 'once a week', off: 'not at all' },
}
const everyOptions = (chosen: string | undefined): Html[] =>
  Every.options.map((every) => option(every, words[every], every === chosen))

const notifications = ({ root, settings, members, admin }: Account): Html => html`<h2>Mails</h2>
<p><a href="${root}/mails">${admin ? 'Every mail' : 'Your mails'}</a>: what was written, and what became of it</p>
<form method="post" action="${root}/account/notifications">
<label for="every">When your images become outdated, you are written to</label><select id="every" name="every">${everyOptions(settings.every)}</select>
<label for="hour">Daily and weekly mails: at this hour (0 to 23)</label><input id="hour" name="hour" inputmode="numeric" value="${settings.hour}" required>
<label for="time-zone">of the time zone</label><input id="time-zone" name="timeZone" value="${settings.timeZone}" required>
<fieldset><legend>Also write when</legend>
${check('rebuilt', 'an image was rebuilt', settings.rebuilt)}
${check('failed', 'a build failed', settings.failed)}
${check('still', 'an image is outdated for long', settings.still)}</fieldset>
${members.map(
  ({ namespace }, i) =>
    html`<label for="ns-${i}">For ${namespace}</label><select id="ns-${i}" name="ns:${namespace}">${option('', 'as above', false)}${everyOptions(settings.namespaces[namespace])}</select>`,
)}
<p><button type="submit">Save</button></p></form>`

const password = ({ root, name, hasPassword }: Account): Html =>
  hasPassword
    ? html`<h2>Password</h2>
<form method="post" action="${root}/account/password">
<input type="hidden" name="name" value="${name}" autocomplete="username">
<label for="old">Old password</label><input id="old" name="old" type="password" autocomplete="current-password" required>
<label for="new">New password: at least 12 characters</label><input id="new" name="new" type="password" autocomplete="new-password" minlength="12" required>
<p><button type="submit">Change it</button></p></form>`
    : html``

const sessions = ({ root, sessions, session }: Account): Html => html`<h2>Where you are signed in</h2>
<ul class="rows">${sessions.map(
  (one) => html`<li><span>${one.hash === session ? html`<strong>Here</strong>` : 'Another browser'}, by ${one.via}
<span class="small">since ${at(one.createdAt)}, last used ${at(one.lastUsedAt)}</span></span></li>`,
)}</ul>
${
  sessions.length > 1 &&
  html`<form method="post" action="${root}/account/sessions"><button type="submit">Sign out everywhere else</button></form>`
}`
