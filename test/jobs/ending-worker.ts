/** Works jobs, stops in the midst of them, and has nothing more to do: `node ending-worker.ts DATABASE_URL`. Says how many it worked. */
import pino from 'pino'
import { connect } from '../../src/db/postgres.ts'
import { runWorkers } from '../../src/jobs/run-workers.ts'
import { tasksThat } from './tasks-that.ts'

const [url = ''] = process.argv.slice(2)
const sql = connect(url)
const begun = Promise.withResolvers<void>()
let worked = 0
const workers = await runWorkers({
  ...{ url, sql, log: pino({ level: 'silent' }), buildWorkers: 8 },
  roles: { worker: false, builder: true },
  tasks: tasksThat({
    build: async () => {
      worked++
      begun.resolve()
    },
  }),
})
await begun.promise
await workers.stop()
await sql.end()
process.stdout.write(String(worked))
