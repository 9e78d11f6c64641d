import type { Estate } from '../staleness/brute-judge.ts'
import type { ReceivedEvent } from '../support/event-receiver.ts'
import { knownWorld } from './known-world.ts'
import { host, type Machine } from './machine.ts'
import { makeThing, type Thing } from './make-thing.ts'
import type { Fate, Story } from './story.ts'
import { trueWorld } from './true-world.ts'

/** `known`: what can be known of it; `heads`: where every tag truly is. */
export type Played = { known: Estate; heads: Map<string, string> }

/** Plays a story: the world becomes, events are delivered as fate has it, and at the end whatever is late comes, in some order. */
export async function play(m: Machine, { ops, countBuild, reconcile, order }: Story): Promise<Played> {
  const world = await trueWorld()
  try {
    await m.begin(world.url, countBuild)
    const things: Thing[] = []
    const delivered: ReceivedEvent[] = []
    let late: ReceivedEvent[] = []
    let lost = false

    const deliver = async (events: readonly ReceivedEvent[]) => {
      if (events.length === 0) return
      delivered.push(...events.filter((event) => !delivered.some(({ id }) => id === event.id)))
      const middle = Math.ceil(events.length / 2)
      await m.deliver([events.slice(0, middle), events.slice(middle)].filter((body) => body.length > 0))
    }
    const tell = async (events: readonly ReceivedEvent[], fates: readonly Fate[]) => {
      const fated = events.map((event, i) => ({ event, fate: fates[i % fates.length]! }))
      late.push(...fated.filter(({ fate }) => fate === 'late').map(({ event }) => event))
      lost ||= fated.some(({ fate }) => fate === 'lost')
      const once = fated.filter(({ fate }) => fate === 'now' || fate === 'twice').map(({ event }) => event)
      const again = fated.filter(({ fate }) => fate === 'twice').map(({ event }) => event)
      await deliver([...once, ...again].reverse())
    }

    for (const op of ops) {
      const at = m.tick()
      const stamped = (events: ReceivedEvent[]) =>
        events.map((event) => ({ ...event, timestamp: new Date(at * 1000).toISOString() }))
      if (op.do === 'build') things.push(makeThing(host, at, op, things))
      else if (op.do === 'push' && things.length > 0)
        await tell(stamped(await world.push(op.ref, things[op.thing % things.length]!)), op.fates)
      else if (op.do === 'remove') await tell(stamped(await world.remove(op.ref)), op.fates)
      else if (op.do === 'purge') await tell(stamped(await world.purge(op.ref)), op.fates)
      else if (op.do === 'reconcile') await m.reconcile()
      else if (op.do === 'catch-up') {
        const some = late.filter((_, i) => i % 4 <= op.share)
        late = late.filter((event) => !some.includes(event))
        await deliver(shuffled(some, order))
      }
      if (op.refresh) await m.refresh()
    }
    await deliver(shuffled(late, order))
    if (lost || reconcile) await m.reconcile()
    await m.refresh()
    return {
      known: await knownWorld(m.pg.sql, host, things, delivered, countBuild),
      heads: new Map([...world.tags].map(([ref, thing]) => [ref, thing.head])),
    }
  } finally {
    await world.close()
  }
}

/** Some order of these, the same for the same seed. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed + 1
  const next = () => {
    state = (state * 48_271) % 2_147_483_647
    return state
  }
  return items
    .map((item) => ({ item, key: next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
