import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type Embedded, EmbeddedError, startEmbedded } from '../../src/db/embedded.ts'
import { connect } from '../../src/db/postgres.ts'

let dir: string
let started: Embedded[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drydock-embedded-'))
})
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function start(): Promise<Embedded> {
  const server = await startEmbedded(dir, { durable: false })
  started.push(server)
  return server
}

const postmaster = () => Number(readFileSync(join(dir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])

/** One statement over a connection of its own. */
async function ask(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const sql = connect(url, { max: 1 })
  try {
    return [...(await sql.unsafe(statement))]
  } finally {
    await sql.end()
  }
}

test('a new folder: the password is its owner’s alone, and nobody comes in without it', async () => {
  const { url } = await start()
  expect(statSync(join(dir, 'postgres-password')).mode & 0o777).toBe(0o600)
  expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }])
  const wrong = new URL(url)
  wrong.password = 'wrong'
  await expect(ask(wrong.href, 'select 1')).rejects.toThrow(/authentication failed/)
})

test('a folder keeps its data, and its server ends with the last who uses it', async () => {
  const first = await start()
  await ask(first.url, 'create table kept (it int)')
  const second = await start()
  expect(second.url).toBe(first.url)
  await started.shift()!.stop()
  expect(await ask(second.url, 'select * from kept')).toEqual([])
  await started.shift()!.stop()
  expect(existsSync(join(dir, 'postgres/postmaster.pid'))).toBe(false)
  expect(await ask((await start()).url, 'select * from kept')).toEqual([])
})

test('several that start together share one server', async () => {
  const urls = (await Promise.all([start(), start(), start()])).map(({ url }) => url)
  expect(new Set(urls).size).toBe(1)
})

test('a server whose service was killed is taken over', async () => {
  const script = fileURLToPath(new URL('start-embedded.ts', import.meta.url))
  const child = spawn(process.execPath, [script, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  expect(String((await once(child.stdout, 'data'))[0])).toBe('up\n')
  const pid = postmaster()
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await ask((await start()).url, 'select 1 as one')).toEqual([{ one: 1 }])
  expect(postmaster()).toBe(pid)
})

test('what a killed initdb left is no obstacle', async () => {
  mkdirSync(join(dir, 'postgres.new-scrap'))
  writeFileSync(join(dir, 'postgres.new-scrap/PG_VERSION'), '18\n')
  const { url } = await start()
  expect(await ask(url, 'select 1 as one')).toEqual([{ one: 1 }])
  expect(readdirSync(dir).filter((name) => name.includes('.new-'))).toEqual([])
})

test('a number in postmaster.pid that now is another process’s is no server', async () => {
  await (await start()).stop()
  started = []
  writeFileSync(join(dir, 'postgres/postmaster.pid'), `${process.pid}\n/nowhere\n0\n1\n\n\n\n`)
  expect(await ask((await start()).url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a folder that cannot be is an error that names it', async () => {
  writeFileSync(join(dir, 'file'), '')
  const refused = startEmbedded(join(dir, 'file/data'))
  await expect(refused).rejects.toThrow(EmbeddedError)
  await expect(refused).rejects.toThrow(join(dir, 'file/data'))
})
