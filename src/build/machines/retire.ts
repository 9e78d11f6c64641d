import type { MachineProfile } from '../../build-settings.ts'

/** A machine as its row says it, beside the database's own clock. `used`: its build runs, under a lease that holds. */
export type MachineRow = {
  name: string
  state: 'creating' | 'ready' | 'leased' | 'removing'
  profile: string
  driver: string
  leaseOver: boolean
  ageSeconds: number
  used: boolean
}

export type Retired = { name: string; because: 'owner-died' | 'build-over' | 'too-old' | 'not-wanted' | 'again' }

type Settings = { minutes: number; profiles: Readonly<Record<string, MachineProfile>> }

/** A machine that stands ready is used only in the first half of its life, so that a build has the other half. */
export const readySeconds = (minutes: number): number => (minutes * 60) / 2

/**
 * Which machines must go, oldest first: those nobody answers for any more, those whose build has ended, those that have lived too
 * long, and those of the pool that the settings do not ask for (now).
 */
export function retire(rows: readonly MachineRow[], settings: Settings): Retired[] {
  const oldestFirst = [...rows].sort((a, b) => b.ageSeconds - a.ageSeconds)
  const single = oldestFirst.flatMap((row): Retired[] => {
    const because = reason(row, settings)
    return because === null ? [] : [{ name: row.name, because }]
  })
  const gone = new Set(single.map(({ name }) => name))
  const pooled = Map.groupBy(
    oldestFirst.filter((row) => row.state === 'ready' && !gone.has(row.name)),
    (row) => row.profile,
  )
  const surplus = [...pooled].flatMap(([profile, ready]) =>
    ready.slice(0, Math.max(0, ready.length - (settings.profiles[profile]?.pool ?? 0))),
  )
  return [...single, ...surplus.map(({ name }): Retired => ({ name, because: 'not-wanted' }))]
}

function reason(row: MachineRow, { minutes, profiles }: Settings): Retired['because'] | null {
  const tooOld = row.ageSeconds > minutes * 60
  switch (row.state) {
    case 'removing':
      return row.leaseOver ? 'again' : null
    case 'creating':
      return row.leaseOver ? 'owner-died' : tooOld ? 'too-old' : null
    case 'leased':
      return row.used ? (tooOld ? 'too-old' : null) : 'build-over'
    case 'ready':
      if (row.leaseOver) return 'owner-died'
      if (row.ageSeconds > readySeconds(minutes)) return 'too-old'
      return profiles[row.profile]?.driver === row.driver ? null : 'not-wanted'
  }
}
