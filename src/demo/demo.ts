/**
 * In: the environment and whether to end after the story. Out: an exit code, 0 only where every step really happened.
 * Guarantees: everything it started is ended and its directory removed, also on Ctrl-C and after a failure.
 */
import { base, descendants } from './family.ts'
import { tail } from './service.ts'
import { type Closers, type Stage, setStage } from './stage.ts'
import { tellStory } from './story.ts'
import type { Say } from './watch.ts'

export type DemoOptions = {
  /** end after the story instead of leaving the service running */
  exit: boolean
  /** the script of `drydock`, which the service is started with */
  bin: string
  env: NodeJS.ProcessEnv
  say: Say
  /** resolves when the user wants to stop (Ctrl-C) */
  interrupted: Promise<void>
}

export async function demo(options: DemoOptions): Promise<number> {
  const closers: Closers = []
  let code = await tell(options, closers)
  code = (await endAll(closers, options.say)) ? code : code || 1
  return code
}

/** Ends everything, whatever fails; false where something did. */
async function endAll(closers: Closers, say: Say): Promise<boolean> {
  let orderly = true
  for (const end of closers.splice(0).reverse()) {
    try {
      await end()
    } catch (error) {
      orderly = false
      say(`\nFAILED to end in good order: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return orderly
}

/** A port that was free may be taken by the time the service listens; then other ports are tried, once. */
async function setFreeStage(bin: string, env: NodeJS.ProcessEnv, closers: Closers, say: Say): Promise<Stage> {
  const roles = 'web,worker,builder'
  try {
    return await setStage(bin, roles, env, closers, say)
  } catch (error) {
    if (!String(error).includes('EADDRINUSE')) throw error
    say('again  with another port: somebody else took it meanwhile')
    await endAll(closers, say)
    return setStage(bin, roles, env, closers, say)
  }
}

async function tell({ exit, bin, env, say, interrupted }: DemoOptions, closers: Closers): Promise<number> {
  const start = performance.now()
  const set: { stage: Stage | null } = { stage: null }
  const story = async () => {
    say('Drydock demo: a base moves, and everything built on it follows.')
    say('Settle time and notify window are 1 s here, so that you need not wait (by default 30 s and 300 s).\n')
    set.stage = await setFreeStage(bin, env, closers, say)
    await tellStory(set.stage, say)
    say(`\nAll of it happened, in ${((performance.now() - start) / 1000).toFixed(0)} s.`)
  }
  try {
    const ended = await Promise.race([
      story().then(() => 'told' as const),
      interrupted.then(() => 'interrupted' as const),
    ])
    if (ended === 'interrupted') return 130
    if (exit || !set.stage) return 0
    for (const line of whereNext(set.stage)) say(line)
    await interrupted
    return 0
  } catch (error) {
    say(`\nFAILED ${error instanceof Error ? error.message : String(error)}`)
    if (set.stage) say(tail(set.stage.logFile))
    return 1
  }
}

function whereNext({ url, token, host, logFile, registry }: Stage): string[] {
  const ref = `${host}/${descendants[2].repository}:${descendants[2].tag}`
  return [
    '\nThe service keeps running until Ctrl-C. Where to look next, from the folder of the clone:',
    `  export DRYDOCK_URL=${url} DRYDOCK_TOKEN=${token}`,
    `  npx drydock why ${ref}`,
    `  npx drydock tree ${ref}`,
    `  npx drydock plan ${host}/${base.repository}:${base.tag}`,
    '  npx drydock builds',
    `  curl -H "Authorization: Bearer ${token}" ${url}/api/v1/tags`,
    `Push something of your own to the registry at ${registry}, or move the base again.`,
    `The service's log: ${logFile}`,
  ]
}
