import type { Sql, Tx } from '../db/postgres.ts'

const worthAnotherTry = new Set(['40P01', '40001'])

/** Runs `work` in a transaction, and again where PostgreSQL chose it as the victim of a deadlock. */
export async function inTransaction(sql: Sql, work: (tx: Tx) => Promise<void>, tries = 3): Promise<void> {
  for (let left = tries - 1; ; left--) {
    try {
      await sql.begin(work)
      return
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (left === 0 || !worthAnotherTry.has(code)) throw error
    }
  }
}
