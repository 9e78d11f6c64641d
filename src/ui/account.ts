/**
 * in: a person who is signed in. out: the page of what is theirs, and what its forms change.
 * guarantees: nothing but their own is shown or changed; each change is in the audit log; a token is shown once.
 */
import express, { type Request, type Response, type Router } from 'express'
import { AccessError } from '../access/access-error.ts'
import { listTokens, makeToken, revokeToken } from '../access/api-tokens.ts'
import { checkPassword, NewPassword, setPassword } from '../access/passwords.ts'
import { sessionCookie, setCookie } from '../access/session-cookie.ts'
import { endSessions, listSessions, sessionHash, sessionLife, startSession } from '../access/sessions.ts'
import type { Deps } from '../deps.ts'
import { getNotifySettings, putNotifySettings } from '../notify/notify-settings.ts'
import { accountDetails } from './account-details.ts'
import { readSettings, readToken } from './account-forms.ts'
import { type Account, accountBody } from './account-page.ts'
import { sendPage } from './page.ts'
import { field, formOf, noted, rootOf, signInFirst, type Visitor, visitorOf } from './visitor.ts'

/** What a form did: words for the page, a token to show, or what was wrong. */
type Outcome = Pick<Account, 'done' | 'fault' | 'token'>
type Change = (
  d: Deps,
  visitor: Visitor,
  form: URLSearchParams,
  call: { request: Request; response: Response },
) => Promise<Outcome>

const done = (text: string, token: string | null = null): Outcome => ({ done: text, fault: null, token })
const statusOf = (outcome: Outcome): number => (outcome.fault === null ? 200 : 422)
const fault = (text: string): Outcome => ({ done: null, fault: text, token: null })

const changes: Record<string, Change> = {
  async token(d, { principal }, form) {
    const wanted = readToken(form, principal.name, d.clock())
    if ('fault' in wanted) return fault(wanted.fault)
    const made = await makeToken(d, principal, wanted)
    return done(`The token “${made.name}” is made. It is shown this once:`, made.token)
  },
  async revoke(d, { principal }, form) {
    const id = field(form, 'id')
    const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)
    const gone = isId && (await revokeToken(d, id, principal.name))
    return gone ? done('The token is revoked.') : fault('There is no such token of yours any more.')
  },
  async notifications(d, { principal }, form) {
    const wanted = readSettings(form, await getNotifySettings(d, principal.name))
    if ('fault' in wanted) return fault(wanted.fault)
    await putNotifySettings(d, principal.name, wanted.settings)
    return done('Saved: so you are written to from now on.')
  },
  async password(d, { principal, session }, form, { request, response }) {
    const wanted = NewPassword.safeParse(form.get('new') ?? '')
    if (!wanted.success) return fault(`The new password ${wanted.error.issues[0]?.message ?? 'is not taken'}.`)
    const mine = (await listSessions(d, principal.name)).find(({ hash }) => hash === session)
    await checkPassword(d, { name: principal.name, address: request.ip ?? '' }, form.get('old') ?? '')
    await setPassword(d, principal.name, wanted.data)
    const begun = { user: principal.name, via: mine?.via ?? 'password', subject: null, admin: false, phc: null }
    const value = await startSession(d, begun)
    response.append('set-cookie', setCookie(d, sessionCookie, value, { maxAge: sessionLife.whole / 1000 }))
    response.locals.session = sessionHash(value)
    return done('The password is changed, and every other session has ended.')
  },
  async sessions(d, { principal, session }) {
    const ended = await endSessions(d, principal.name, { but: session })
    return done(ended === 1 ? 'One other session is ended.' : `${ended} other sessions are ended.`)
  },
}

export function accountRouter(d: Deps): Router {
  const router = express.Router()
  router.get('/account', async (request, response) => {
    const visitor = await visitorOf(d, request)
    if (!visitor) return signInFirst(d, response, '/account')
    await show(d, response, visitor, { done: null, fault: null, token: null })
  })
  for (const [name, change] of Object.entries(changes))
    router.post(`/account/${name}`, async (request, response) => {
      const form = formOf(d, request)
      const visitor = await visitorOf(d, request)
      if (!visitor) return signInFirst(d, response, '/account')
      const what = {
        ...{ action: `POST /account/${name}`, subject: visitor.principal.name },
        details: await accountDetails(d, visitor.principal, { name, form }),
        status: statusOf,
      }
      const work = () => change(d, visitor, form, { request, response })
      const outcome = await noted(d, response, visitor.principal, what, work).catch((error: unknown) => {
        if (error instanceof AccessError) return fault(`${error.message}.`)
        throw error
      })
      await show(d, response, { ...visitor, session: (response.locals.session as string) ?? visitor.session }, outcome)
    })
  return router
}

async function show(d: Deps, response: Response, { principal, session }: Visitor, outcome: Outcome): Promise<void> {
  const { name } = principal
  const [person] = await d.sql<{ email: string | null; displayName: string | null; hasPassword: boolean }[]>`
    select email, display_name, exists (select from password where user_name = ${name}) as has_password
    from person where name = ${name}`
  const members = await d.sql<Account['members']>`
    select namespace_key as namespace, role from member where user_name = ${name} order by namespace_key limit 500`
  const account: Account = {
    ...{ ...outcome, root: rootOf(d), name, admin: principal.admin, members, session },
    ...{
      email: person?.email ?? null,
      displayName: person?.displayName ?? null,
      hasPassword: person?.hasPassword ?? false,
    },
    tokens: await listTokens(d, { user: name, after: null, limit: 200 }),
    sessions: await listSessions(d, name),
    settings: await getNotifySettings(d, name),
  }
  const page = { title: 'Your account', root: account.root, who: name, status: statusOf(outcome) }
  sendPage(response, { ...page, body: accountBody(account) })
}
