import { type Rotated, rotateKey } from '../build/rotate-key.ts'
import { makeVault } from '../build/vault.ts'
import { migrate } from '../db/migrate.ts'
import { connect } from '../db/postgres.ts'
import { keyFile } from '../key-file.ts'
import { configure, openDatabase } from '../main.ts'
import { openVault } from '../secret-key.ts'

/** Any number, the same in every process: held by the one that rotates. */
const rotationLock = 7_233_024

/**
 * in: the service's environment, and the new key; null: one is made, where the key in use was made too. out: what was sealed anew.
 * guarantees: one rotation at a time; killed anywhere, all is under one key, and a service finds it. `generated`: the key is the one of the
 * data directory, and its file was replaced.
 */
export async function rotateSecretKey(
  env: NodeJS.ProcessEnv,
  given: string | null,
): Promise<Rotated & { generated: boolean }> {
  const generated = !env.DRYDOCK_SECRET_KEY && !env.DRYDOCK_SECRET_KEY_FILE
  if (!generated && given === null) throw new Error('DRYDOCK_NEW_SECRET_KEY: required (or DRYDOCK_NEW_SECRET_KEY_FILE)')
  const { config, log } = await configure(env)
  if (given === config.secretKey) throw new Error('DRYDOCK_NEW_SECRET_KEY: it is the key in use')
  const database = await openDatabase(config, log)
  const sql = connect(database.url, { max: 3 })
  const alone = await sql.reserve()
  try {
    await migrate(database.url)
    await alone`select pg_advisory_lock(${rotationLock})`
    if (!generated && given !== null)
      return { ...(await rotateKey(sql, makeVault(config.secretKey), makeVault(given))), generated }
    const before = await openVault(sql, config)
    const file = keyFile(config.dataDir)
    const next = file.prepare(given)
    const rotated = await rotateKey(sql, before, makeVault(next))
    file.finish(next)
    return { ...rotated, generated }
  } finally {
    alone.release()
    await sql.end({ timeout: 5 })
    await database.close()
  }
}
