import type { Received } from './inbox.ts'
import { emptyScene, narrate, type Scene } from './narrate.ts'
import type { Tracker } from './tracker.ts'

export type Say = (line: string) => void
export type Watch = {
  /** Every ref that was ever seen flagged. */
  flagged: ReadonlySet<string>
  /** Looks until `done` holds, telling each change; an error that says what was waited for after `seconds`. */
  until: (what: string, seconds: number, done: (scene: Scene) => boolean) => Promise<Scene>
}

/** Asks until there is an answer other than null; an error that says what was waited for after `seconds`. */
export async function eventually<T>(what: string, seconds: number, ask: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const answer = await ask()
    if (answer !== null) return answer
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
}

/** Looks at the API and the inbox as a user would, and says what changed since the last look. */
export function watch(tracker: Tracker, received: readonly Received[], say: Say): Watch {
  let last = emptyScene
  const flagged = new Set<string>()
  async function look(): Promise<Scene> {
    // in this order: a flag that is gone was cleared by a build that can be seen
    const outdated = await tracker.outdated()
    const builds = await tracker.builds()
    const scene = { outdated, builds, received: [...received] }
    for (const tag of outdated) flagged.add(tag.ref)
    for (const line of narrate(last, scene)) say(line)
    last = scene
    return scene
  }
  return {
    flagged,
    until: (what, seconds, done) =>
      eventually(what, seconds, async () => {
        const scene = await look()
        return done(scene) ? scene : null
      }),
  }
}
