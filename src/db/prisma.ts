import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './generated/client.ts'

/** The Prisma client over its own small pool. Plain rows and reads only; what enqueues a job goes through postgres.js. */
export const makePrisma = (url: string): PrismaClient =>
  new PrismaClient({ adapter: new PrismaPg({ connectionString: inUtc(url), max: 5, application_name: 'drydock' }) })

/**
 * The adapter writes a time without its offset, and reads it without (adapter-pg 7.10, `formatDateTime`, `normalize_timestamptz`): in a
 * session of any other zone, which a server or a role may have as its default, every time would be wrong by that zone's offset.
 */
const inUtc = (url: string): string =>
  /[?&]options=/.test(url)
    ? url.replace(/([?&]options=[^&]*)/, `$1%20${utc}`)
    : `${url}${url.includes('?') ? '&' : '?'}options=${utc}`

const utc = encodeURIComponent('-c TimeZone=UTC')
