import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readCertificates, setAside } from './certificates.ts'
import { type Creation, saidBy, startCreation } from './creation.ts'
import type { MachineStore } from './store.ts'

/** `env`: all that the command sees. `alone`: does something while nobody else does it in this store. */
export type Starting = {
  command: string
  env: Record<string, string>
  store: MachineStore
  alone: (work: () => Promise<void>) => Promise<void>
}

const lookMs = 50

/**
 * Starts a creation; where it is the one that makes the store's authority and client certificate (certificates.ts), no other starts before
 * they are there. Certificates that somebody placed elsewhere are theirs to make.
 */
export async function firstAlone(
  { command, env, store, alone }: Starting,
  args: readonly string[],
  dir: string,
  signal: AbortSignal,
): Promise<Creation> {
  const start = () => startCreation(command, args, env, dir)
  const certs = join(store.path, 'certs')
  const placed = Object.keys(env).some((name) => name.startsWith('MACHINE_TLS_') && env[name] !== '')
  if (placed || (await readCertificates(certs)) === 'whole') return start()
  let creation: Creation | null = null
  await alone(async () => {
    const state = await readCertificates(certs)
    if (state === 'whole') return
    if (state === 'broken') await setAside(certs)
    creation = await start()
    let over = false
    void creation.ended.then(() => {
      over = true
    })
    while (!over && !signal.aborted && !(await hasThem(certs, dir))) await delay(lookMs)
  })
  return creation ?? start()
}

/** They are whole, or the creation has gone on to what it says next. */
const hasThem = async (certs: string, dir: string): Promise<boolean> =>
  (await readCertificates(certs)) === 'whole' || /^Running pre-create checks/m.test((await saidBy(dir)).stdout)
