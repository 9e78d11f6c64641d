import type { Deps } from '../../deps.ts'
import type { MachineRow } from './retire.ts'

/** Seconds for which a machine is somebody's without a word from them. All leases are by the database's clock. */
export const leaseSeconds = 20

type Wanted = { name: string; profile: string; driver: string; owner: string }

/** The installation's 6 hexadecimal digits, made by whoever asks first. */
export async function installationId(sql: Deps['sql']): Promise<string> {
  await sql`
    insert into setting (key, value) values ('machines.installation', substr(md5(gen_random_uuid()::text), 1, 6))
    on conflict (key) do nothing`
  const [row] = await sql<{ value: string }[]>`select value from setting where key = 'machines.installation'`
  return row!.value
}

/** Any number, the same in every process: one at a time counts the machines and adds to them. */
const countLock = 7_233_021

const certificatesLock = 7_233_022

/** Does something while nobody else does it in that store, in any process of this database. */
export const aloneIn = (sql: Deps['sql'], owner: string, work: () => Promise<void>): Promise<void> =>
  sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${certificatesLock}, hashtext(${owner}))`
    await work()
  }) as Promise<void>

/** Adds the row of a machine that is about to be made for a build. False: as many as there may be are there. */
export const reserveForBuild = (sql: Deps['sql'], wanted: Wanted, buildId: string, most: number): Promise<boolean> =>
  sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${countLock})`
    const { name, profile, driver, owner } = wanted
    const { count } = await tx`
      insert into machine (name, state, profile, driver, owner, build_id, lease_until)
      select ${name}, 'creating', ${profile}, ${driver}, ${owner}, ${buildId}, now() + make_interval(secs => ${leaseSeconds})
      where (select count(*) from machine) < ${most}`
    return count === 1
  })

/** The same for the pool of a profile in this store, unless it is full. */
export const reserveForPool = (sql: Deps['sql'], wanted: Wanted, pool: number, most: number): Promise<boolean> =>
  sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${countLock})`
    const { name, profile, driver, owner } = wanted
    const { count } = await tx`
      insert into machine (name, state, profile, driver, owner, lease_until)
      select ${name}, 'creating', ${profile}, ${driver}, ${owner}, now() + make_interval(secs => ${leaseSeconds})
      where (select count(*) from machine) < ${most} and (
        select count(*) from machine
        where state in ('creating', 'ready') and build_id is null and profile = ${profile} and owner = ${owner}) < ${pool}`
    return count === 1
  })

/**
 * Where the limit is reached: gives a build the place of a machine that stands ready and is of no use to it, else it might wait for
 * ever. Returns the name of that machine, which must be gone before the new one (whose row is there then) is made. Its lease is over
 * for whoever asks next, though instants are kept rounded to a millisecond.
 */
export const reserveInstead = (sql: Deps['sql'], wanted: Wanted, buildId: string): Promise<string | null> =>
  sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${countLock})`
    const { name, profile, driver, owner } = wanted
    const [victim] = await tx<{ name: string }[]>`
      update machine set state = 'removing', lease_until = now() - interval '1 ms' where name = (
        select name from machine where state = 'ready' and owner = ${owner} and profile <> ${profile}
        order by created_at limit 1 for update skip locked)
      returning name`
    if (!victim) return null
    await tx`
      insert into machine (name, state, profile, driver, owner, build_id, lease_until)
      values (${name}, 'creating', ${profile}, ${driver}, ${owner}, ${buildId}, now() + make_interval(secs => ${leaseSeconds}))`
    return victim.name
  })

/** The same where it stands ready at another host: that host's keeper removes it, one at a time. */
export const askForRoom = (sql: Deps['sql'], { profile, owner }: Wanted): Promise<unknown> => sql`
  update machine set state = 'removing', lease_until = now() where name = (
    select name from machine where state = 'ready' and owner <> ${owner} and profile <> ${profile}
      and not exists (select from machine where state = 'removing')
    order by created_at limit 1 for update skip locked)`

/** A machine that only another store's processes can remove. */
export const leaveToOwner = (sql: Deps['sql'], name: string): Promise<unknown> => sql`
  update machine set state = 'removing', build_id = null, lease_until = now() where name = ${name} and state <> 'removing'`

/** Gives a build, for ever, the machine that has stood ready longest and has `seconds` of its life behind it at most. */
export async function takeReady(
  sql: Deps['sql'],
  wanted: Omit<Wanted, 'name'>,
  buildId: string,
  seconds: number,
): Promise<string | null> {
  const [taken] = await sql<{ name: string }[]>`
    update machine set state = 'leased', build_id = ${buildId}, lease_until = now() + make_interval(secs => ${leasedSeconds})
    where name = (
      select name from machine
      where state = 'ready' and profile = ${wanted.profile} and driver = ${wanted.driver} and owner = ${wanted.owner}
        and created_at > now() - make_interval(secs => ${seconds})
      order by created_at limit 1 for update skip locked)
    returning name`
  return taken?.name ?? null
}

/** What a machine has where its build has no lease, because it was handed over and nobody has taken it up yet. */
const leasedSeconds = 300

/** A machine has come to be: its build's, or ready. Null where it was taken from us meanwhile; else the seconds it took. */
export async function cameToBe(sql: Deps['sql'], name: string): Promise<number | null> {
  const [row] = await sql<{ seconds: number }[]>`
    update machine set state = case when build_id is null then 'ready' else 'leased' end::machine_state, ready_at = now(), error = null,
      lease_until = now() + make_interval(secs => case when build_id is null then ${leaseSeconds} else ${leasedSeconds} end::float8)
    where name = ${name} and state = 'creating'
    returning extract(epoch from now() - created_at)::float8 as seconds`
  return row ? row.seconds : null
}

/** Whether it is still ours to work on. */
export const renew = async (sql: Deps['sql'], name: string, state: 'creating' | 'removing'): Promise<boolean> =>
  (
    await sql`
      update machine set lease_until = now() + make_interval(secs => ${leaseSeconds})
      where name = ${name} and state = ${state}::machine_state`
  ).count === 1

export const renewReady = (sql: Deps['sql'], owner: string): Promise<unknown> => sql`
  update machine set lease_until = now() + make_interval(secs => ${leaseSeconds})
  where owner = ${owner} and state = 'ready' and lease_until > now()`

/**
 * All machines of a store, as `retire` wants them. A build whose lease has just run out may renew it yet: after an outage of the database,
 * say. Whoever takes it over gives its machine back first.
 */
export const machinesOf = (sql: Deps['sql'], owner: string): Promise<MachineRow[]> => sql<MachineRow[]>`
  select m.name, m.state, m.profile, m.driver, m.lease_until <= now() as lease_over,
    extract(epoch from now() - m.created_at)::float8 as age_seconds,
    coalesce(b.state = 'running' and coalesce(b.lease_until + make_interval(secs => ${leaseSeconds}), m.lease_until) > now(), false) as used
  from machine m left join build b on b.id = m.build_id where m.owner = ${owner}`

/** Machines of other stores for which nobody has answered for a quarter of an hour. */
export const abandoned = (sql: Deps['sql'], owner: string): Promise<{ name: string; owner: string }[]> => sql`
  select m.name, m.owner from machine m left join build b on b.id = m.build_id
  where m.owner <> ${owner} and m.lease_until < now() - interval '15 min'
    and not coalesce(b.state = 'running' and b.lease_until > now(), false)`

/** Adds rows for machines that nobody knows of, taken as whole; they are removed next. Names that have a row are left alone. */
export const adoptOrphans = (
  sql: Deps['sql'],
  names: readonly string[],
  owner: string,
): Promise<{ name: string }[]> => sql`
  insert into machine (name, state, profile, driver, owner, lease_until, ready_at)
  select name, 'removing', '?', '?', ${owner}, now(), now() from unnest(${[...names]}::text[]) name
  on conflict (name) do nothing returning name`
