import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const standIn = fileURLToPath(new URL('docker-machine/docker-machine', import.meta.url))

/** A state directory of its own for the stand-in; its machines are real daemons, all of which end with `close`. */
export type TestMachines = {
  /** what the stand-in and Drydock are to see */
  env: { MACHINE_STORAGE_PATH: string }
  /** runs the stand-in and gives what it printed */
  machine: (...args: string[]) => Promise<string>
  /** machines it knows */
  names: () => Promise<string[]>
  /** processes of daemons of this directory, whatever is known of them */
  daemons: () => number[]
  /** what is in the cloud, whatever is known of it */
  instances: () => string[]
  /** faults of what comes next (docker-machine/faults.ts) */
  fault: (faults: Record<string, string | number>) => void
  close: () => Promise<void>
}

export function testMachines(): TestMachines {
  const dir = mkdtempSync(join(tmpdir(), 'machines-'))
  const env = { MACHINE_STORAGE_PATH: dir }
  const machine = async (...args: string[]) =>
    (await run(standIn, args, { env: { PATH: process.env.PATH, HOME: dir, ...env } })).stdout
  const names = async () => (await machine('ls', '-q')).split('\n').filter((name) => name !== '')
  const fault = (faults: Record<string, string | number>) =>
    writeFileSync(join(dir, 'faults.json'), JSON.stringify(faults))
  const daemons = () => processesNaming(dir)
  return {
    env,
    machine,
    names,
    daemons,
    instances: () => (existsSync(join(dir, 'cloud')) ? readdirSync(join(dir, 'cloud')) : []),
    fault,
    async close() {
      fault({})
      await machine('sweep')
      for (const pid of daemons()) kill(pid)
      rmSync(dir, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

const processesNaming = (text: string): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && existsSync(`/proc/${entry}/cmdline`))
    .filter((pid) => /^dockerd\0/.test(commandOf(pid)) && commandOf(pid).includes(text))
    .map(Number)

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it has ended meanwhile
  }
}

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it has ended meanwhile
  }
}
