/**
 * How fast 10,000 images that one base left behind become a mail to each of 1,000 people, and how fast those are handed to a mail server.
 * Digests: from causes to written mails, in a process of its own with 512 MB of heap; there is no rival. Mails: the same mails, with their
 * headers, through nodemailer's pooled transport alone, in turns with the outbox, to one SMTP server on loopback (a process of its own).
 * Run: npm run bench:digests [-- IMAGES READERS [rules|recipes]]; 10,000 images unless told, and two people who hear of each: `-- 10000 5` is
 * 50,000 notices; `-- 10000 5 rules`: to five people whom an owner rule names for all images, of five namespaces; `-- 10000 2 recipes`: each
 * image has a recipe, so that the planner decides on each for the mails.
 */
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createTransport } from 'nodemailer'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect, type Sql } from '../src/db/postgres.ts'
import { allLanes } from '../src/notify/enqueue-mail.ts'
import { mailHeaders } from '../src/notify/mail-headers.ts'
import { makeMailer } from '../src/notify/mailer.ts'
import { sendLane } from '../src/notify/send.ts'
import { signUnsubscribe, unsubscribeUrl } from '../src/notify/unsubscribe-token.ts'
import { digestConfig, digestDeps } from './digest-deps.ts'
import { storeAffected } from './digest-estate.ts'
import { median, report } from './report.ts'

const rounds = 3
const images = Number(process.argv[2] ?? 10_000)
const readers = Number(process.argv[3] ?? 2)
const [ruled, recipes] = ['rules', 'recipes'].map((word) => process.argv[4] === word)
const people = ruled ? readers : Math.max(10, Math.round(images / 10))

type Made = { seconds: number; raised: number; mails: number; megabytes: number }

/** In a process of its own, whose memory is told from then on. */
async function makeDigests(url: string): Promise<Made> {
  const child = fork(join(import.meta.dirname, 'make-digests.ts'), [url], { execArgv: ['--max-old-space-size=512'] })
  const [made] = (await once(child, 'message')) as [Made]
  await once(child, 'exit')
  return made
}

async function mailServer(): Promise<{ url: string; received(): Promise<number>; stop(): void }> {
  const child = fork(join(import.meta.dirname, 'mail-sink.ts'))
  const [port] = (await once(child, 'message')) as [number]
  return {
    url: `smtp://127.0.0.1:${port}`,
    async received() {
      child.send('count')
      const [count] = (await once(child, 'message')) as [number]
      return count
    },
    stop: () => child.kill(),
  }
}

type Row = {
  messageId: string
  references: string[]
  userName: string
  to: string
  subject: string
  text: string
  html: string
  createdAt: Date
}

const stored = (sql: Sql): Promise<Row[]> => sql<Row[]>`
  select message_id, "references", user_name, "to", subject, text, html, created_at from mail order by id`

/** Mails a second. */
async function through(
  server: { received(): Promise<number> },
  count: number,
  send: () => Promise<void>,
): Promise<number> {
  const before = await server.received()
  const began = performance.now()
  await send()
  const seconds = (performance.now() - began) / 1000
  const arrived = (await server.received()) - before
  if (arrived !== count) throw new Error(`${arrived} of ${count} mails arrived`)
  return count / seconds
}

const folder = mkdtempSync(join(tmpdir(), 'drydock-digests-'))
const database = await startEmbedded(folder)
const server = await mailServer()
try {
  await migrate(database.url)
  const sql = connect(database.url, { max: 20 })
  const all: Made[] = []
  for (let round = 0; round < rounds; round++) {
    await storeAffected(sql, { images, people, readers, ruled, recipes })
    all.push(await makeDigests(database.url))
  }
  const made = all.find(({ seconds }) => seconds === median(all.map((one) => one.seconds)))!
  if (made.mails !== people) throw new Error(`${made.mails} mails for ${people} people`)
  report({
    name: `digests: ${images} images that a base left behind, ${people} people, ${readers} of each: ${made.raised} notices`,
    ours: ['from causes to mails in the outbox', made.seconds, 's'],
    rival: ['largest resident memory of the process', Math.max(...all.map((one) => one.megabytes)), 'MB'],
    ratio: made.seconds / 2,
    wanted: 'under 2 s and 512 MB; ratio: of the 2 s',
  })

  const config = digestConfig({ smtpUrl: server.url })
  const mailer = makeMailer(config)!
  const d = { ...digestDeps(sql, config), mailer }
  const rows = await stored(sql)
  const alone = createTransport({ url: server.url, pool: true })
  const rival = async () => {
    await Promise.all(
      rows.map(({ userName, to, references, createdAt, ...mail }) => {
        const token = signUnsubscribe(d.vault, { person: userName, bearer: randomUUID(), namespace: null })
        const unsubscribe = unsubscribeUrl(config.publicUrl, token)
        return alone.sendMail({
          ...mail,
          from: config.mailFrom!,
          to: { name: '', address: to },
          date: createdAt,
          ...mailHeaders({ references, unsubscribe }, config),
        })
      }),
    )
  }
  const ours = async () => void (await Promise.all(allLanes().map((lane) => sendLane(d, lane))))
  const [mine, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    theirs.push(await through(server, rows.length, rival))
    await sql`update mail set state = 'pending', attempts = 0, sent_at = null`
    await sql`analyze mail, notice`
    mine.push(await through(server, rows.length, ours))
  }
  alone.close()
  mailer.close()
  report({
    name: `mails handed to an SMTP server on loopback: ${rows.length} digests`,
    ours: ['the outbox, each mail asked about and recorded', median(mine), '/s'],
    rival: ["nodemailer's pooled transport alone", median(theirs), '/s'],
    ratio: median(mine) / median(theirs),
    wanted: 'at least 0.5',
  })
  await sql.end({ timeout: 5 })
} finally {
  server.stop()
  await database.stop()
  rmSync(folder, { recursive: true, force: true })
}
