import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { demo } from '../../src/demo/demo.ts'

const bin = join(import.meta.dirname, '../../bin/drydock.mjs')
const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

/** `drydock demo` from a folder that is not the clone, with what it has said so far. */
function start(...words: string[]) {
  const child = spawn(process.execPath, [bin, 'demo', ...words], { cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'] })
  running.push(child)
  const said = { text: '' }
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      said.text += data.toString()
    })
  const saying = (line: RegExp) =>
    new Promise<RegExpExecArray | null>((resolve) => {
      const look = () => {
        const found = line.exec(said.text)
        if (found) resolve(found)
      }
      child.stdout.on('data', look)
      child.once('close', () => resolve(null))
    })
  return { child, said, saying, ended: once(child, 'close') }
}

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

test('with --exit the whole story happens, in order, and ends with 0', async () => {
  const { said, ended } = start('--exit')
  expect([...(await ended), said.text]).toEqual([0, null, expect.stringContaining('All of it happened')])
  const order = [
    'push .*lib/base:1 is now',
    'flag .*app/shop:1 ',
    'flag .*app/shop-eu:1 .* via ',
    'build .*app/shop:1 succeeded',
    'build .*app/shop-eu:1 (running|succeeded)',
  ]
  const places = [...order, 'clear .*app/shop-eu:1'].map((line) => said.text.search(new RegExp(line)))
  expect(places).toEqual([...places].sort((a, b) => a - b))
  expect(Math.min(...places)).toBeGreaterThan(0)
  expect(said.text).toMatch(/mail .*ada@example.org/)
})

test('without --exit the service stays until Ctrl-C, and nothing is left behind', async () => {
  const { child, said, saying, ended } = start()
  const look = await saying(/DRYDOCK_URL=(\S+) DRYDOCK_TOKEN=(\S+)/)
  expect(said.text).toContain('All of it happened')
  const [, url, token] = look!
  const tags = await fetch(`${url}/api/v1/tags`, { headers: { authorization: `Bearer ${token}` } })
  expect(tags.status).toBe(200)
  const dir = /PostgreSQL of its own in (\S+)/.exec(said.text)![1]!
  const postgres = Number(readFileSync(join(dir, 'data/postgres/postmaster.pid'), 'utf8').split('\n')[3])
  expect(await answers(postgres)).toBe(true)
  child.kill('SIGINT')
  expect(await ended).toEqual([0, null])
  expect(existsSync(dir)).toBe(false)
  expect(await answers(postgres)).toBe(false)
  await expect(fetch(`${url}/healthz`)).rejects.toThrow()
})

test('a service that ends at its start is a failure that says why', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'broken-'))
  try {
    const broken = join(dir, 'broken.mjs')
    writeFileSync(broken, `console.error('the data directory is full'); process.exit(3)`)
    const said: string[] = []
    const say = (line: string) => void said.push(line)
    const code = await demo({ exit: true, bin: broken, env: process.env, say, interrupted: new Promise(() => {}) })
    expect(code).toBe(1)
    expect(said.at(-1)).toMatch(/FAILED the service ended at its start\n.*the data directory is full/)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
