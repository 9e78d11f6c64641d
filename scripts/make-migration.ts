/**
 * `npm run db:migration -- NAME`: writes prisma/migrations/<time>_NAME/migration.sql with what schema.prisma says beyond
 * prisma/migrations/schema.prisma, the schema as last migrated. SQL that Prisma's language lacks is then added by hand.
 * `--check` writes nothing and fails where a database made by the migrations differs from one made from schema.prisma.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmbedded } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { connect } from '../src/db/postgres.ts'
import { withSchemaEngine } from '../src/db/schema-engine.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const schemaFile = join(root, 'prisma/schema.prisma')
const migratedFile = join(root, 'prisma/migrations/schema.prisma')

/** The SQL that leads from one schema text (null = an empty database) to another. */
async function difference(url: string, from: string | null, to: string): Promise<string> {
  const files = (content: string) => ({ tag: 'schemaDatamodel' as const, files: [{ path: 'schema.prisma', content }] })
  const diff = await withSchemaEngine(url, to, (engine) =>
    engine.diff({
      from: from === null ? { tag: 'empty' } : files(from),
      to: files(to),
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    }),
  )
  const sql = (diff.stdout ?? '').trim()
  return sql.startsWith('-- This is an empty migration') ? '' : sql
}

/** Every column, index (partial ones and those on expressions aside, which Prisma cannot say), constraint and enum value, one line each. */
async function catalog(url: string): Promise<string[]> {
  const sql = connect(url, { max: 1 })
  const rows = await sql<{ line: string }[]>`
    select format('column %s.%s %s %s %s', table_name, column_name, udt_name, is_nullable, column_default) as line
    from information_schema.columns where table_schema = 'public'
    union all
    select 'index ' || pg_get_indexdef(indexrelid) from pg_index join pg_class c on c.oid = indrelid
    where c.relnamespace = 'public'::regnamespace and indpred is null and indexprs is null
    union all
    select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace
    union all
    select format('enum %s %s %s', typname, enumsortorder, enumlabel) from pg_enum e join pg_type t on t.oid = e.enumtypid
    where t.typnamespace = 'public'::regnamespace`
  await sql.end()
  return rows
    .map((row) => row.line)
    .filter((line) => !line.includes('_prisma_migrations'))
    .sort()
}

async function check(url: string): Promise<string[]> {
  const admin = connect(url, { max: 1 })
  await admin`create database wanted`
  const wantedUrl = url.replace(/\/postgres$/, '/wanted')
  const wanted = connect(wantedUrl, { max: 1 })
  await wanted.unsafe(await difference(url, null, readFileSync(schemaFile, 'utf8')))
  await wanted.end()
  await migrate(url)
  await admin.end()
  const [have, want] = [await catalog(url), await catalog(wantedUrl)]
  return [
    ...want.filter((line) => !have.includes(line)).map((line) => `missing: ${line}`),
    ...have.filter((line) => !want.includes(line)).map((line) => `too much: ${line}`),
  ]
}

const name = process.argv[2] ?? ''
if (!/^(--check|[a-z0-9_]+)$/.test(name)) {
  console.error('npm run db:migration -- NAME   (letters, digits, _), or --check')
  process.exit(2)
}
const dir = mkdtempSync(join(tmpdir(), 'drydock-migration-'))
const server = await startEmbedded(dir, { durable: false })
try {
  if (name === '--check') {
    const differences = await check(server.url)
    console.log(differences.length === 0 ? 'migrations and schema.prisma agree' : differences.join('\n'))
    process.exitCode = differences.length === 0 ? 0 : 1
  } else {
    const before = existsSync(migratedFile) ? readFileSync(migratedFile, 'utf8') : null
    const sql = await difference(server.url, before, readFileSync(schemaFile, 'utf8'))
    const folder = join(
      root,
      'prisma/migrations',
      `${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}_${name}`,
    )
    if (sql !== '') {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'migration.sql'), `${sql}\n`)
      copyFileSync(schemaFile, migratedFile)
    }
    console.log(sql === '' ? 'nothing to migrate' : folder)
  }
} finally {
  await server.stop()
  rmSync(dir, { recursive: true, force: true })
}
