/**
 * in: the database and the vault of a process. out: whether what is sealed there is sealed under this process's key.
 * guarantees: a database has one key, whose fingerprint stands in `setting`; nothing is sealed under another one, also while it is
 * being rotated.
 */
import type { PrismaClient } from '../db/generated/client.ts'
import type { Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { type Vault, VaultError } from './vault.ts'

const name = 'vault.key'

const wrongKey = (): VaultError =>
  new VaultError('vault-key', 'the secrets in the database are sealed under another key than DRYDOCK_SECRET_KEY')

/** The fingerprint of the key that the database's secrets are sealed under; null: nobody has said yet. `lock`: held until the transaction ends. */
export async function keyInForce(tx: Tx, lock = false): Promise<string | null> {
  const [row] = await tx<{ value: string }[]>`
    select value from setting where key = ${name} ${lock ? tx`for update` : tx``}`
  return row?.value ?? null
}

export const setKeyInForce = async (tx: Tx, keyId: string): Promise<void> => {
  await tx`
    insert into setting (key, value) values (${name}, ${keyId}) on conflict (key) do update set value = excluded.value`
}

/**
 * Makes sure, at a start, that this process has the database's key. Where no fingerprint stands there yet (the first start, or a
 * database from before there were any), what is sealed must open. Throws `vault-key`.
 */
export async function claimKey(sql: Sql, vault: Vault): Promise<void> {
  await sql.begin(async (tx) => {
    const known = await keyInForce(tx, true)
    if (known !== null && known !== vault.keyId) throw wrongKey()
    if (known !== null) return
    const [sealed] = await tx<{ sealed: string }[]>`
      select sealed from credential union all select sealed from git_hook
      union all select sealed from channel limit 1`
    if (sealed) vault.open(sealed.sealed)
    await tx`insert into setting (key, value) values (${name}, ${vault.keyId}) on conflict (key) do nothing`
  })
  if ((await keyInForce(sql)) !== vault.keyId) throw wrongKey()
}

/** Milliseconds: who stores something waits for a rotation, and for who was first; Prisma's own patience is 2 and 5 s. */
const patience = { maxWait: 20_000, timeout: 60_000 }

/** Runs what stores something sealed, and undoes it where the key was rotated since this process started. Error: `vault-key`. */
export async function underKey<T>(
  d: Pick<Deps, 'db' | 'vault'>,
  work: (tx: Pick<PrismaClient, 'namespace' | 'credential' | 'gitHook' | 'channel' | '$queryRaw'>) => Promise<T>,
): Promise<T> {
  return d.db.$transaction(async (tx) => {
    const [row] = await tx.$queryRaw<{ value: string }[]>`select value from setting where key = ${name} for share`
    if (row && row.value !== d.vault.keyId) throw wrongKey()
    return work(tx)
  }, patience)
}
