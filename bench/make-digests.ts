/** Makes the digests of a stored estate, and tells how long that took and how much memory: `node make-digests.ts DATABASE_URL`. */
import { performance } from 'node:perf_hooks'
import { connect } from '../src/db/postgres.ts'
import { makePrisma } from '../src/db/prisma.ts'
import { gather } from '../src/notify/gather.ts'
import { raiseNotices } from '../src/notify/raise-notices.ts'
import { digestConfig, digestDeps } from './digest-deps.ts'

const url = process.argv[2]!
const [sql, db] = [connect(url, { max: 20 }), makePrisma(url)]
// the window is over at once; mails are kept, so that no job of theirs is left
const d = { ...digestDeps(sql, digestConfig({ notifyWindow: 0 })), db }
await sql`select 1`
const began = performance.now()
const before = process.cpuUsage()
const { raised } = await raiseNotices(d)
const between = performance.now()
await gather(d)
const ended = performance.now()
const { user, system } = process.cpuUsage(before)
if (process.env.BENCH_PARTS)
  console.error({ raise: between - began, gather: ended - between, cpu: (user + system) / 1000 })
const [mails] = await sql<{ count: number }[]>`select count(*)::int as count from mail`
const megabytes = process.resourceUsage().maxRSS / 1024
process.send?.({ seconds: (ended - began) / 1000, raised, mails: mails!.count, megabytes })
await Promise.all([sql.end({ timeout: 5 }), db.$disconnect()])
process.disconnect?.()
