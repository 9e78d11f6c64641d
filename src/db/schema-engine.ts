import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import type { SchemaEngine } from '@prisma/schema-engine-wasm'
import pg from 'pg'

/** What of the engine's glue we touch; its package has no entry that instantiates the module under Node. */
type Glue = { __wbg_set_wasm(exports: object): void; SchemaEngine: typeof SchemaEngine }

/** A global of every Node that its type package does not declare. */
const webAssembly = (globalThis as unknown as { WebAssembly: Instantiating }).WebAssembly
type Instantiating = {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>
}

let loaded: Promise<Glue> | null = null

/** The glue keeps its module in a variable of its own, so that it can be instantiated only once a process. */
async function load(): Promise<Glue> {
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'))
  const glue = (await import(join(folder, 'schema_engine_bg.js'))) as Glue
  const bytes = readFileSync(join(folder, 'schema_engine_bg.wasm'))
  const { instance } = await webAssembly.instantiate(bytes, { './schema_engine_bg.js': withUnheldTimers(glue) })
  glue.__wbg_set_wasm(instance.exports)
  const start = instance.exports.__wbindgen_start
  if (typeof start === 'function') start()
  return glue
}

/** The engine never clears the 10 s timer it waits for its lock with; unless let go, that timer keeps the process alive. */
function withUnheldTimers(glue: Glue): object {
  const timers = Object.entries(glue).filter(([name]) => name.startsWith('__wbg_setTimeout_'))
  const unheld = timers.map(([name, start]) => [name, (...args: unknown[]) => (start as Start)(...args).unref()])
  return { ...glue, ...Object.fromEntries(unheld) }
}
type Start = (...args: unknown[]) => NodeJS.Timeout

/** Prisma's schema engine as WebAssembly: migrates without the CLI and its downloaded binary. Its connections end with `work`. */
export async function withSchemaEngine<T>(
  url: string,
  schema: string | null,
  work: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  loaded ??= load()
  const glue = await loaded
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(pool))
    const engine = await glue.SchemaEngine.new(
      { datamodels: schema === null ? undefined : [['schema.prisma', schema]] },
      () => {},
      adapter,
    )
    return await work(engine)
  } finally {
    await pool.end()
  }
}
