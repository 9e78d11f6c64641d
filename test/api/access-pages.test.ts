import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startSession } from '../../src/access/sessions.ts'
import { eventually } from '../../src/demo/watch.ts'
import { postLayers } from '../scanner/portus-visit.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startPages, type TestPages } from '../ui/start-pages.ts'
import { besides } from './access-needs.ts'
import { type Secrets, secretsIn } from './access-secrets.ts'
import { type Ns, namespaces, storeAccessWorld, visibilities } from './access-world.ts'

/** The same world by what wants no token: pages for who is signed in, pages and answers for everybody. Nothing tells what is not theirs. */
let pg: TestDatabase
let pages: TestPages
let ids: Awaited<ReturnType<typeof storeAccessWorld>>
let secrets: Secrets
beforeAll(async () => {
  pg = await testDatabase()
  pages = await startPages(pg, { scanner: true })
  ids = await storeAccessWorld(pg, pages.api, { rooms: true })
  secrets = await secretsIn(pg)
}, 600_000)
afterAll(async () => {
  await pages.close()
  await pg.close()
})

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const members: Ns[] = ['hush', 'guarded', 'plaza']
const visitors: { user: string; admin: boolean; roles: Ns[] }[] = [
  { user: '', admin: false, roles: [] },
  { user: 'root', admin: true, roles: [] },
  { user: 'owen', admin: false, roles: members },
  { user: 'vera', admin: false, roles: members },
  { user: 'stranger', admin: false, roles: ['elsewhere'] },
]
type Visitor = (typeof visitors)[number]
const reads = ({ user, admin, roles }: Visitor, ns: Ns): boolean =>
  admin || roles.includes(ns) || visibilities[ns] === 'public' || (user !== '' && visibilities[ns] === 'protected')

async function open(visitor: Visitor, path: string, init: RequestInit = {}) {
  const session = { user: visitor.user, via: 'password', subject: null, admin: false, phc: null }
  const cookie = visitor.user === '' ? '' : `drydock_session=${await startSession(pages.d, session)}`
  const answer = await fetch(`${pages.url}${path}`, {
    ...{ redirect: 'manual', ...init },
    headers: { accept: 'text/html', ...(cookie === '' ? {} : { cookie }) },
  })
  const text = await answer.text()
  const asked: string[] = path.match(/hush|guarded|plaza|elsewhere|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g) ?? []
  const told = secrets.told(
    { ...visitor, scope: null },
    (ns) => reads(visitor, ns),
    `${text} ${answer.headers.get('location') ?? ''}`,
  )
  return { status: answer.status, text, told: told.filter((secret) => !asked.includes(secret)) }
}

test.each(visitors)('pages tell $user nothing that is not theirs', async (visitor) => {
  const paths = [
    '/',
    '/account',
    '/mails',
    '/mails?state=kept',
    '/sign-in',
    '/unsubscribe',
    '/unsubscribe?token=wrong',
    '/no-such-page',
    '/auth/start',
  ]
  const filters = namespaces.flatMap((ns) => [`/?namespace=${ns}`, `/?base=${encodeURIComponent(`${ns}/run:1`)}`])
  for (const path of [...paths, ...filters]) {
    const { status, told } = await open(visitor, path)
    expect([path, told, status < 500]).toEqual([path, [], true])
    if (/account|mails/.test(path) && visitor.user === '') expect([path, status]).toEqual([path, 303])
  }
})

test.each(visitors)('pages of a tag and of a build: $user, as by a token', async (visitor) => {
  for (const ns of namespaces) {
    const tag = await open(visitor, `/tags/${encodeURIComponent(`${ns}/run:1`)}`)
    const build = await open(visitor, `/builds/${ids[ns].build}`)
    const hidden = visitor.user === '' ? 303 : 404
    expect([ns, tag.status, tag.told]).toEqual([ns, reads(visitor, ns) ? 200 : hidden, []])
    expect([ns, build.status, build.told]).toEqual([ns, visitor.user !== '' && reads(visitor, ns) ? 200 : hidden, []])
  }
})

test.each(visitors)('pages of mails: $user reads none of somebody else’s', async (visitor) => {
  for (const ns of namespaces) {
    const { status, told } = await open(visitor, `/mails/${ids[ns].mail}`)
    const hidden = visitor.user === '' ? 303 : 404
    expect([ns, status, told]).toEqual([ns, visitor.admin ? 200 : hidden, []])
  }
})

test('badges: what is not public looks as what is not there', async () => {
  const [nobody] = visitors as [Visitor]
  const badge = (ref: string) => open(nobody, `/api/v1/badge/${encodeURIComponent(ref)}.svg`)
  const absent = await badge('nowhere/run:1')
  for (const ns of namespaces) {
    const { status, text } = await badge(`${ns}/run:1`)
    if (ns === 'plaza') expect([status, text === absent.text]).toEqual([200, false])
    else expect([ns, status, text]).toEqual([ns, 404, absent.text])
  }
})

test('who shows the layers of an image to the scanner hears what a viewer of its namespace reads', async () => {
  const viewer: Visitor = { user: 'nobody', admin: false, roles: [] }
  const layers = ['a', 'guarded', 'plaza'].map(sha)
  await pg.sql`
    update manifest set layers = ${pg.sql.json(layers.map((digest) => ({ digest })))}
    where digest = (select head_digest from tag where ref = 'reg:5000/plaza/run:1')`
  await pg.sql`update cause set counted = true` // what is snoozed is not shown
  await postLayers(pages.url, { repository: 'plaza/run', layers }, 'http://reg:5000')
  const told = (text: string) => secrets.told({ ...viewer, scope: null }, (ns) => reads(viewer, ns), text)
  for (const name of [layers.at(-1)!, sha('a'), 'hush/base', sha('nothing')]) {
    // on a busy machine it may be "not now", as for Portus, which asks again
    const text = await eventually(`the scanner answers of ${name}`, 60, async () => {
      const answer = await open(visitors[0]!, `/v1/layers/${encodeURIComponent(name)}?vulnerabilities=true`)
      return answer.status < 500 ? answer.text : null
    })
    expect(told(text.replaceAll(name, ''))).toEqual([])
    if (name === layers.at(-1)) expect(text).toContain('Outdated base')
  }
})

test('what machines ask for tells nobody anything, and the build service is not for people', async () => {
  // the document is the same for everybody, and its words are its own
  for (const path of besides.filter((path) => !path.endsWith('openapi.json'))) {
    const real = path.replace('{format}', 'harbor').replace('{ns}', 'hush').replace('{id}', ids.hush.build!)
    const get = await open(visitors[0]!, real)
    const post = await open(visitors[0]!, real, { method: 'POST' })
    expect([path, get.told, post.told, post.status >= 400]).toEqual([path, [], [], true])
    if (path.startsWith('/builder/')) expect([path, get.status]).toEqual([path, 404])
  }
})
