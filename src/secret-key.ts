import { makeVault, type Vault } from './build/vault.ts'
import { claimKey, keyInForce } from './build/vault-key.ts'
import type { Config } from './config.ts'
import type { Sql } from './db/postgres.ts'
import { keyFile } from './key-file.ts'

/** The vault of this process, whose key is the database's. A rotation of the generated key that was interrupted is finished first. */
export async function openVault(sql: Sql, config: Pick<Config, 'secretKey' | 'dataDir'>): Promise<Vault> {
  const vault = makeVault(config.secretKey)
  const file = keyFile(config.dataDir)
  const next = file.next()
  const known = await keyInForce(sql)
  if (next !== null && known !== null && known === makeVault(next).keyId) {
    file.finish(next)
    return makeVault(next)
  }
  await claimKey(sql, vault)
  return vault
}
