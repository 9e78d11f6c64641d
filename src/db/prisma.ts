import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './generated/client.ts'

/** The Prisma client over its own small pool. Plain rows and reads only; what enqueues a job goes through postgres.js. */
export const makePrisma = (url: string): PrismaClient =>
  new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 5, application_name: 'drydock' }) })
