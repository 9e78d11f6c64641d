/**
 * A worker of its own process that runs one build by the real course and builder, says `here` at one point of it and goes no
 * further, to be killed there: `node hanging-worker.ts DATABASE_URL REGISTRY_URL REGISTRY_HOST BUILD POINT`.
 */
import type { BuilderContext } from '../../src/build/builders/builder.ts'
import { claimBuild } from '../../src/build/claim.ts'
import { ownCourse } from '../../src/build/own-course.ts'
import { runClaim } from '../../src/build/run-claim.ts'
import { connect } from '../../src/db/postgres.ts'
import { makePrisma } from '../../src/db/prisma.ts'
import { buildDeps } from './world.ts'

const [url = '', registryUrl = '', host = '', buildId = '', point = ''] = process.argv.slice(2)
const sql = connect(url)
const d = buildDeps({ url, sql, db: makePrisma(url), close: async () => undefined }, { url: registryUrl, host })
const pass = async (here: string): Promise<void> => {
  if (here !== point) return
  process.stdout.write('here\n')
  await new Promise(() => {})
}

const real = ownCourse(d)
const claim = await claimBuild(d, buildId)
if (typeof claim === 'string') throw new Error(claim)
await runClaim(
  d,
  {
    ...real,
    builder(claimed) {
      const builder = real.builder(claimed)
      return {
        ...builder,
        run: (job, context) => builder.run(job, stopping(context)),
        async clean(job, signal) {
          await pass('cleanup begins')
          await builder.clean(job, signal)
          await pass('cleanup ends')
        },
      }
    },
    async pushed(...given) {
      await pass('pushed')
      const note = await real.pushed(...given)
      await pass('recorded')
      return note
    },
  },
  claim,
)
process.exit(1) // it never came to that point

function stopping(context: BuilderContext): BuilderContext {
  return {
    ...context,
    step: (name, work) =>
      context.step(name, async (signal) => {
        await pass(`${name} begins`)
        const result = await work(signal)
        await pass(`${name} ends`)
        return result
      }),
    async intend(intent) {
      await pass('to be intended')
      await context.intend(intent)
      await pass('intended')
    },
  }
}
