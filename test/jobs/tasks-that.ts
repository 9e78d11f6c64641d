import type { Tasks } from '../../src/jobs/jobs.ts'

const nothing = async () => {}

/** Tasks that do what is given, and else nothing. */
export const tasksThat = (given: Partial<Tasks>): Tasks => ({
  ingest: nothing,
  look: nothing,
  reconcile: nothing,
  watch: nothing,
  refresh: nothing,
  curate: nothing,
  notify: nothing,
  mail: nothing,
  channels: nothing,
  deliver: nothing,
  plan: nothing,
  build: nothing,
  'build-light': nothing,
  people: nothing,
  recipe: nothing,
  'move-tags': nothing,
  portus: nothing,
  clair: nothing,
  ...given,
})
