/** A process of its own that takes up one build, says so, and never ends it: `node hanging-worker.ts DATABASE_URL`. */
import pino from 'pino'
import { connect } from '../../src/db/postgres.ts'
import { runWorkers } from '../../src/jobs/run-workers.ts'
import { tasksThat } from './tasks-that.ts'

const url = process.argv[2]!
await runWorkers({
  url,
  sql: connect(url),
  log: pino({ level: 'silent' }),
  roles: { worker: false, builder: true },
  buildWorkers: 1,
  tasks: tasksThat({
    build: async () => {
      process.stdout.write('begun\n')
      await new Promise(() => {})
    },
  }),
})
