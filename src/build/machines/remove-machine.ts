import type { Deps } from '../../deps.ts'
import { storableJson } from '../storable.ts'
import { backOffMs } from './create-failure.ts'
import { held } from './held.ts'
import type { MachineCli } from './machine-cli.ts'
import { leaseSeconds } from './rows.ts'

/** busy: it is in another's hand. left: why it is still there; it is tried again. */
export type Removal = 'gone' | 'busy' | { left: string }

type RemovalDeps = Pick<Deps, 'sql' | 'log'>

/** What a machine was when we took it to remove it. */
type Claimed = { readyAt: Date | null; tries: number; owner: string }

const limitMs = 600_000
const [firstPauseMs, longestPauseMs] = [5000, 600_000]
const triesBeforeAlarm = 5
const cutOff =
  'a creation was cut off before docker-machine had noted what the cloud made: it may be there still, and cost money'

/**
 * Removes one machine of our store, and its row once it is gone. Guarantees: whoever dies at it, the row stays, and somebody tries
 * again; one process at a time is at it. A failure is noted on the row and tried again later.
 */
export const removeMachine = async (d: RemovalDeps, cli: MachineCli, name: string): Promise<Removal> =>
  removeClaimed(d, cli, name, await claimRemoval(d.sql, name))

/** The second half of `removeMachine`; null: what `claimRemoval` gives where it is not ours to remove. */
export async function removeClaimed(
  d: RemovalDeps,
  cli: MachineCli,
  name: string,
  claimed: Claimed | null,
): Promise<Removal> {
  if (!claimed) return (await exists(d.sql, name)) ? 'busy' : 'gone'
  const before = { whole: claimed.readyAt !== null, tries: claimed.tries }
  const removed = await held(d, name, 'removing', AbortSignal.timeout(limitMs), (signal) =>
    cli.remove(name, before, signal),
  ).catch((error: unknown) => ({ gone: false, left: error instanceof Error ? error.message : String(error) }) as const)
  if (removed.gone) {
    await d.sql`delete from machine where name = ${name} and state = 'removing'`
    if (removed.cutOff) d.log.error({ machine: name, store: claimed.owner }, cutOff)
    else d.log.info({ machine: name }, 'a machine is gone')
    return 'gone'
  }
  const failure = removed.left
  const tries = claimed.tries + 1
  const pause = backOffMs(tries, firstPauseMs, longestPauseMs) / 1000
  await d.sql`
    update machine set error = ${storableJson({ code: 'machine-left', message: failure, tries })}::text::jsonb,
      lease_until = now() + make_interval(secs => ${pause}) where name = ${name} and state = 'removing'`
  if (tries < triesBeforeAlarm) d.log.warn({ machine: name, tries, failure }, 'a machine is not gone yet')
  else
    d.log.error(
      { machine: name, store: claimed.owner, tries, failure },
      'a machine cannot be removed, and may cost money',
    )
  return { left: failure }
}

/** From whatever state it is in; its build may have another then. Null where it is gone, or another process is at it. */
export async function claimRemoval(sql: Deps['sql'], name: string): Promise<Claimed | null> {
  const [row] = await sql<Claimed[]>`
    update machine set state = 'removing', build_id = null, lease_until = now() + make_interval(secs => ${leaseSeconds})
    where name = ${name} and (state <> 'removing' or lease_until <= now())
    returning ready_at, owner, coalesce((error ->> 'tries')::int, 0) as tries`
  return row ?? null
}

const exists = async (sql: Deps['sql'], name: string): Promise<boolean> =>
  (await sql`select from machine where name = ${name}`).length > 0
