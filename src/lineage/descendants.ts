import type { Tx } from '../db/postgres.ts'

type Base = {
  lastChain: string
  lastStep: string | null
  layerCount: number
  historyAccounts: boolean
  steps: number
  ground: string | null
}

/**
 * The digests of all manifests that are based on one, at every depth: `basedOn` of content.ts, said in SQL. One look-up in the index on
 * chain ids; equal at a step means equal up to it, layers included, so that one comparison decides where both histories account.
 * Empty where the manifest is unknown or has no layers. No cursor: one keeps PostgreSQL from using a second core (npm run
 * bench:descendants).
 */
export async function descendants(tx: Tx, digest: string): Promise<string[]> {
  const [base] = await tx<Base[]>`
    select last_chain, last_step, layer_count, history_accounts, cardinality(step_ids) as steps, solid_ids[layer_count] as ground
    from manifest where digest = ${digest} and kind = 'image' and layer_count > 0`
  if (!base) return []
  const { lastChain, lastStep, layerCount, steps, ground } = base
  const longer = tx`layer_count > ${layerCount}`
  const told = tx`step_ids[${steps}] = ${lastStep} and last_step <> ${lastStep}`
  const rows = await tx<{ digest: string }[]>`
    select digest from manifest where chain_ids @> array[${lastChain}::uuid]
      and (${base.historyAccounts ? tx`${told} or (${longer} and not (history_accounts and solid_ids[${layerCount}] = ${ground}))` : longer})`
  return rows.map((row) => row.digest)
}
