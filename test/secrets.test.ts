import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { loadSettings } from '../src/config.ts'
import type { readOrMake } from '../src/read-or-make.ts'
import { loadSecrets } from '../src/secrets.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drydock-secrets-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const settings = (env: Record<string, string> = {}) => loadSettings({ DRYDOCK_DATA_DIR: dir, ...env }, () => '', 1000)

test('made once, kept for their owner alone, and told the first time only', () => {
  const { fresh, ...first } = loadSecrets(settings())
  expect(fresh).toEqual([
    { name: 'DRYDOCK_ADMIN_TOKEN', value: first.adminToken },
    { name: 'DRYDOCK_WEBHOOK_TOKEN', value: first.webhookToken },
  ])
  expect(new Set(Object.values(first)).size).toBe(3)
  for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600)
  expect(loadSecrets(settings())).toEqual({ ...first, fresh: [] })
})

test('those that are set leave no file', () => {
  const { adminToken } = loadSecrets(settings({ DRYDOCK_ADMIN_TOKEN: 'mine' }))
  expect(adminToken).toBe('mine')
  expect(readdirSync(dir).sort()).toEqual(['secret-key', 'webhook-token'])
})

test('of processes that start together one makes it and all read the same', async () => {
  const file = join(dir, 'one')
  const source = fileURLToPath(new URL('../src/read-or-make.ts', import.meta.url))
  const program = `import { readOrMake } from ${JSON.stringify(source)}
    console.log(JSON.stringify(readOrMake(${JSON.stringify(file)}, () => String(process.pid))))`
  const runs = await Promise.all(
    Array.from({ length: 6 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
        env: { ...process.env, NODE_OPTIONS: '' },
      }),
    ),
  )
  const said = runs.map(({ stdout }) => JSON.parse(stdout) as ReturnType<typeof readOrMake>)
  expect(new Set(said.map(({ value }) => value))).toEqual(new Set([readFileSync(file, 'utf8')]))
  expect(said.filter(({ made }) => made)).toHaveLength(1)
})
