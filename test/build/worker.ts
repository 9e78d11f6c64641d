/** A worker of its own process that runs one build, to be killed: `node worker.ts DATABASE_URL REGISTRY_URL REGISTRY_HOST BUILD [CONFIG]`. */
import { build } from '../../src/build/build.ts'
import { connect } from '../../src/db/postgres.ts'
import { makePrisma } from '../../src/db/prisma.ts'
import { buildDeps } from './world.ts'

const [url = '', registryUrl = '', host = '', buildId = '', config = '{}'] = process.argv.slice(2)
const sql = connect(url)
const db = makePrisma(url)
const d = buildDeps({ url, sql, db, close: async () => undefined }, { url: registryUrl, host }, JSON.parse(config))
await build(d, buildId)
await Promise.all([sql.end(), db.$disconnect()])
d.registries.close()
