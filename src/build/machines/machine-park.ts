import { randomBytes } from 'node:crypto'
import type { Deps } from '../../deps.ts'
import { driverEnv } from '../child-env.ts'
import { type MachineCli, machineCli } from './machine-cli.ts'
import { machineName } from './machine-name.ts'
import { insecureRegistries } from './profile.ts'
import { aloneIn, installationId } from './rows.ts'
import { openStore, storePath } from './store.ts'

export type MachineDeps = Pick<Deps, 'sql' | 'log' | 'config'>

/** What everybody who makes or removes machines here shares: whose they are, where they are known, and the command. */
export type MachinePark = { installation: string; owner: string; cli: MachineCli; newName: () => string }

export async function openPark(d: MachineDeps): Promise<MachinePark> {
  const env = driverEnv({})
  const store = await openStore(storePath(env))
  const installation = await installationId(d.sql)
  const { machines, registries } = d.config
  const cli = machineCli({
    command: machines.command,
    // docker-machine tells its makers of each creation that failed, with all it printed, unless told not to
    env: { MACHINE_BUGSNAG_API_TOKEN: 'no-report', ...env, MACHINE_STORAGE_PATH: store.path },
    store,
    alone: (work) => aloneIn(d.sql, store.id, work),
    insecure: insecureRegistries([...registries, ...(d.config.outside ?? [])]),
    options: Object.values(machines.profiles).flatMap((profile) => profile.options),
  })
  return { installation, owner: store.id, cli, newName: () => machineName(installation, randomBytes(8)) }
}

/** Opens it at the first use, and again where that failed. */
export function parkOf(d: MachineDeps): () => Promise<MachinePark> {
  let park: Promise<MachinePark> | null = null
  return () => {
    park ??= openPark(d).catch((error: unknown) => {
      park = null
      throw error
    })
    return park
  }
}
