/**
 * A process beside one that was started later with other registries (docs/design/namespaces.md).
 * in: the registries of the last start that had any. out: a process that does nothing and says why.
 * guarantees: what goes to people is not decided by keys that are another registry's by now; no process ends another, so none are started over and over.
 */
import type { Deps } from './deps.ts'
import type { TaskName, Tasks } from './jobs/jobs.ts'
import { otherRegistries } from './people/other-registries.ts'

type Needs = Pick<Deps, 'sql' | 'config' | 'log'>

/** What tells people, or takes over who they are. A job that fails so is tried again, by whichever process. */
const careful: readonly TaskName[] = ['people', 'notify', 'channels', 'mail', 'deliver']

/** These tasks, of which the careful ones do nothing in a process of other registries. One without any says nothing to anybody. */
export function withTheirRegistries(d: Needs, tasks: Tasks): Tasks {
  const carefully = <Name extends TaskName>(name: Name): Tasks[Name] => {
    const task = tasks[name] as (...given: unknown[]) => Promise<void>
    return (async (...given: unknown[]) => {
      if (d.config.registries.length > 0 && (await otherRegistries(d.sql, d.config)) !== null)
        throw new Error('Drydock was started with other registries since: this is not for this process to do')
      await task(...given)
    }) as Tasks[Name]
  }
  return { ...tasks, ...Object.fromEntries(careful.map((name) => [name, carefully(name)])) }
}

/** `turn`: to be called every few seconds; ends what `work` ends where others were started. `ended`: once that is done. */
export function makeAside(d: Needs, endWork: () => Promise<void>) {
  let ending: Promise<void> | null = null
  return {
    isAside: () => ending !== null,
    ended: async () => void (await ending),
    async turn(): Promise<void> {
      if (ending !== null || d.config.registries.length === 0) return
      const others = await otherRegistries(d.sql, d.config)
      if (others === null) return
      d.log.error(
        { registries: others, own: d.config.registries.map(({ name }) => name) },
        'Drydock was started with other registries since: this process does nothing any more; give all the same, and start it anew',
      )
      ending = endWork()
      await ending
    },
  }
}
