/**
 * in: `machines` and `builds` of DRYDOCK_CONFIG. out: what builds may take, when, where, and how many.
 * guarantees: every fault is told with its place in the file; what is left out has the default given here.
 */
import { z } from 'zod'

const whole = (min: number, max: number) => z.int(`must be a whole number from ${min} to ${max}`).min(min).max(max)
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be a name')
const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time like 22:00')
const isZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

/** One kind of machine: the driver of docker-machine, and further flags of `create`. */
const Profile = z.strictObject({
  driver: z.string().min(1).max(100),
  options: z.array(z.string().max(10_000)).default([]),
  /** machines kept ready */
  pool: whole(0, 1000).default(0),
})

/** When automatic builds may start. `to` before `from`: over midnight. */
const Window = z.strictObject({
  days: z
    .array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']))
    .min(1)
    .default(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']),
  from: time,
  to: time,
  zone: z.string().refine(isZone, 'must be a time zone like Europe/Berlin').default('UTC'),
})
export type Window = z.infer<typeof Window>

/** Hosts made by docker-machine. `most` at once; none lives longer than `minutes`; a failed creation is tried `tries` times. */
export const Machines = z.strictObject({
  most: whole(1, 1000).default(10),
  minutes: whole(5, 10_080).default(120),
  tries: whole(1, 20).default(3),
  profiles: z.record(name, Profile).default({}),
  /** namespace key → profile, where the recipe names none */
  namespaces: z.record(z.string(), name).default({}),
})
export type Machines = z.infer<typeof Machines>
export type MachineProfile = z.infer<typeof Profile>

const Share = z.strictObject({
  /** builds running at once in it */
  atOnce: whole(1, 1000).optional(),
  windows: z.array(Window).optional(),
})

/** `perNamespace`: builds running at once in each; `approveOver`: nodes of a plan that starts by itself; seconds of `timeouts` by step. */
export const Builds = z.strictObject({
  perNamespace: whole(1, 1000).optional(),
  approveOver: whole(0, 1_000_000).default(200),
  windows: z.array(Window).default([]),
  namespaces: z.record(z.string(), Share).default({}),
  timeouts: z
    .strictObject({
      host: whole(1, 86_400).default(900),
      checkout: whole(1, 86_400).default(900),
      build: whole(1, 86_400).default(3600),
      push: whole(1, 86_400).default(1800),
      cleanup: whole(1, 86_400).default(120),
    })
    .prefault({}),
})
export type Builds = z.infer<typeof Builds>

/** Both parts of the file, with their defaults where the file has none. */
export const buildSettings = { machines: Machines.prefault({}), builds: Builds.prefault({}) }

export type BuildSettings = { machines: Machines; builds: Builds }

/** What holds without a file. */
export const defaultBuildSettings = (): BuildSettings => ({ machines: Machines.parse({}), builds: Builds.parse({}) })
