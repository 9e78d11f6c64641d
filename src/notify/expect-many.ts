import type { Tx } from '../db/postgres.ts'

/**
 * For the rest of this transaction no join goes through the whole of one side for each row of the other where there is another way. Most times
 * when PostgreSQL counts, every notice has its mail: it then takes it that next to none waits, and 20,000 that do were joined for ten
 * seconds and not for a tenth of one.
 */
export const expectMany = async (tx: Tx): Promise<void> => void (await tx`set local enable_nestloop = off`)
