import type { Sql, Tx } from '../db/postgres.ts'
import type { Vault } from './vault.ts'
import { VaultError } from './vault.ts'
import { keyInForce, setKeyInForce } from './vault-key.ts'

/** How many secrets were sealed anew; `already`: they were under the new key before. */
export type Rotated = { credentials: number; gitHooks: number; channels: number; already: boolean }

/**
 * Seals everything anew, in one transaction: after whatever happens all of it is under the old key, or all under the new one. What
 * cannot be opened under the old key ends it with `vault-key`, and nothing is changed.
 */
export async function rotateKey(sql: Sql, before: Vault, after: Vault): Promise<Rotated> {
  return sql.begin(async (tx) => {
    const known = await keyInForce(tx, true)
    if (known === after.keyId) return { credentials: 0, gitHooks: 0, channels: 0, already: true }
    if (known !== null && known !== before.keyId)
      throw new VaultError(
        'vault-key',
        'DRYDOCK_SECRET_KEY is not the key that the secrets in the database are sealed under',
      )
    // whoever stores a secret waits, and then finds the new key in force
    await tx`lock table credential, git_hook, channel in share row exclusive mode`
    const credentials = await sealAnew(tx, 'credential', before, after)
    const gitHooks = await sealAnew(tx, 'git_hook', before, after)
    const channels = await sealAnew(tx, 'channel', before, after)
    await setKeyInForce(tx, after.keyId)
    return { credentials, gitHooks, channels, already: false }
  })
}

async function sealAnew(
  tx: Tx,
  table: 'credential' | 'git_hook' | 'channel',
  before: Vault,
  after: Vault,
): Promise<number> {
  const rows = await tx<{ at: string; sealed: string }[]>`select ctid::text as at, sealed from ${tx(table)}`
  const sealed = rows.map((row) => after.seal(before.open(row.sealed)))
  await tx`
    update ${tx(table)} t set sealed = v.sealed
    from unnest(${rows.map((row) => row.at)}::text[], ${sealed}::text[]) as v (at, sealed) where t.ctid = v.at::tid`
  return rows.length
}
