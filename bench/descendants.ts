/**
 * All that is based on a manifest, at every depth, among a million, beside the bare closure query through the same driver.
 * Run: npm run bench:descendants [-- MANIFESTS [DATA_DIR]]
 */
import { performance } from 'node:perf_hooks'
import { descendants } from '../src/lineage/descendants.ts'
import { makeEstate } from './estate.ts'
import { digestOf, plan, systemRef, wanted } from './estate-images.ts'
import { median, report } from './report.ts'

const rounds = 15
const size = Number(process.argv[2] ?? 1_000_000)
const estate = await makeEstate(size, process.argv[3])
const { sql } = estate

async function timed(work: () => Promise<number>, expected: number): Promise<number> {
  const start = performance.now()
  const count = await work()
  if (count !== expected) throw new Error(`${count} descendants where ${expected} are`)
  return performance.now() - start
}

const ours = async (digest: string) => (await descendants(sql, digest)).length

const bare = async (digest: string) => {
  const rows = await sql`
    select m.digest from manifest b join manifest m on m.chain_ids @> array[b.last_chain] where b.digest = ${digest}`
  return rows.length - 1
}

try {
  for (const [name, count] of [
    ['hot', Math.min(wanted.hot, Math.floor(size / 2))],
    ['cold', wanted.cold],
  ] as const) {
    const digest = digestOf(systemRef(name, plan(size)).id)
    const [mine, theirs]: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      theirs.push(await timed(() => bare(digest), count))
      mine.push(await timed(() => ours(digest), count))
    }
    report({
      name: `descendants: ${count} of them, among ${size} manifests`,
      ours: ['descendants', median(mine), 'ms'],
      rival: ['bare closure query', median(theirs), 'ms'],
      ratio: median(mine) / median(theirs),
      wanted: name === 'hot' ? 'at most 1.5' : 'under 5 ms',
    })
  }
} finally {
  await estate.close()
}
