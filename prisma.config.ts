import { defineConfig } from 'prisma/config'

/** Where Prisma's CLI finds the schema; the service itself migrates with src/db/migrate.ts and needs no CLI. */
export default defineConfig({ schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' } })
