import { buildRunner } from './build/build.ts'
import { moveLeftTags } from './build/further-tags.ts'
import { queueReadings } from './build/queue-readings.ts'
import { readRecipe } from './build/read-recipe.ts'
import { deliver } from './channels/deliver.ts'
import { tellChannels } from './channels/tell-channels.ts'
import type { Deps } from './deps.ts'
import { reconcile } from './inbox/reconcile.ts'
import { ingest } from './ingest/ingest.ts'
import { look } from './ingest/look.ts'
import type { Tasks } from './jobs/jobs.ts'
import { notify } from './notify/notify.ts'
import { sendLane } from './notify/send.ts'
import { syncPeople } from './people/sync-people.ts'
import { plan } from './plan/make-plan.ts'
import { curate } from './policy/curate.ts'
import { askPortus } from './scanner/ask-portus.ts'
import { fetchFindings } from './scanner/fetch-findings.ts'
import { queuePortus } from './scanner/who-asks.ts'
import { refresh } from './staleness/refresh.ts'
import { watch } from './watch/watch.ts'

/** The service, top to bottom. A finished build pushes a tag, and so comes back in as a webhook. */
export const pipeline = (d: Deps, runBuilds = buildRunner(d)): Tasks => ({
  ingest: ({ eventId }) => ingest(d, eventId), //          an event → facts, dirty tags            → refresh, look
  look: ({ ref }) => look(d, ref), //                      ask the registry for one tag → facts    → refresh
  reconcile: async (
    { registry, fresh },
    { attempt }, // catalog and tags against what is known → refresh
  ) => void (await reconcile(d, { registry, resume: !fresh || attempt > 1 })),
  watch: ({ host }) => watch(d, { host }), //              bases on a registry that sends us nothing → facts → refresh
  refresh: () => refresh(d).then(() => queueReadings(d)), // dirty tags → verdicts, causes         → notify, plan, recipe
  recipe: ({ ref }, { signal }) => readRecipe(d, ref, signal), // a recipe's Dockerfile → evidence → refresh
  curate: ({ scope }) => curate(d, scope), //              a policy changed → which tags matter     → notify, plan
  people: async (wish, { signal }) => void (await syncPeople(d, wish, signal)), // Portus, Harbor, a file → who may do and hears what → notify
  notify: async () => {
    await d.jobs.enqueue(d.sql, 'channels', {}, { key: 'channels', queue: 'channels' })
    await queuePortus(d)
    await notify(d) //                                     new causes, gathered a window long      → mail
  },
  mail: ({ lane = 0 }) => sendLane(d, lane), //            what is due of the outbox, through SMTP
  channels: () => tellChannels(d), //                      the same for channels of namespaces      → deliver
  deliver: (delivery, { signal }) => deliver(d, delivery, signal), // one message to one channel
  portus: (_, { signal }) => askPortus(d, signal), //      flags that Portus shows → it looks again
  clair: (_, { signal }) => fetchFindings(d, signal), //   what a real Clair found → portus
  plan: () => plan(d), //                                  verdicts + recipes → builds due         → build, plan (later)
  build: (_, { signal }) => runBuilds('any', signal), // builds whose turn it is: host, checkout, build, push, cleanup → refresh, plan
  'build-light': (_, { signal }) => runBuilds('light', signal), // those that need no builder: rebases
  'move-tags': (left, { signal }) => moveLeftTags(d, left, signal), // further tags that a build could not move → look
})
