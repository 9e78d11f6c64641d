/**
 * `npm test`: every check, then every test, then what was left out, then one closing line `N passed, N failed`.
 * In: the repository, and the words after `npm test --`, which go to jest. Out: exit code 0 where nothing failed.
 * Guarantees: a failure never hides a later one (all parts run), and with CI set a skipped test counts as failed.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Check, checks } from './checks.ts'
import { closingLine, type JestResult, skipped, tally } from './summary.ts'

type Ended = { code: number; output: string }

/** Runs a command in the repository. `quiet` keeps its output for the one who asked, else it goes to the terminal. */
function run(command: readonly string[], quiet: boolean, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), {
      env: { ...process.env, ...env },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    })
    let output = ''
    const keep = (text: Buffer) => {
      output += text.toString()
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

const indent = (text: string) => text.trimEnd().replace(/^/gm, '        ')

async function runCheck(check: Check): Promise<boolean> {
  const start = performance.now()
  const { code, output } = await run(check.command, true)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${code === 0 ? '  ok   ' : '  FAIL '} ${check.name} (${seconds} s)`)
  if (code !== 0) console.log(`${indent(output)}\n        again alone: ${check.command.join(' ')}`)
  return code === 0
}

async function runTests(words: string[]): Promise<JestResult | null> {
  const dir = mkdtempSync(join(tmpdir(), 'drydock-test-'))
  const file = join(dir, 'jest.json')
  try {
    const reporters = ['--reporters=default', '--reporters=<rootDir>/scripts/jest-reporter.ts']
    const command = ['npm', 'run', '--silent', 'jest', '--', '--coverage', ...words, ...reporters]
    const { code } = await run(command, false, { DRYDOCK_JEST_RESULT: file })
    return { ...(JSON.parse(readFileSync(file, 'utf8')) as Omit<JestResult, 'success'>), success: code === 0 }
  } catch (error) {
    console.log(`jest left no result: ${error instanceof Error ? error.message : String(error)}`)
    return null
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const strict = (process.env.CI ?? '') !== ''
console.log('Checks')
const passed: boolean[] = []
for (const check of checks) passed.push(await runCheck(check))
console.log('\nTests')
const result = await runTests(process.argv.slice(2))
const left = result ? skipped(result, process.cwd()) : []
if (left.length > 0) {
  console.log(`\n${strict ? 'FAIL: in CI no test may be skipped' : 'NOT RUN: this machine lacks a part'}`)
  for (const { where, count } of left) console.log(`  ${where}: ${count} ${count === 1 ? 'test' : 'tests'}`)
}
const total = tally(passed, result, left, strict)
if (total.failed > 0) console.log('\nFailed. Look above for FAIL.')
console.log(`\n${closingLine(total)}`)
process.exitCode = total.failed > 0 ? 1 : 0
