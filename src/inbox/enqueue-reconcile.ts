import type { Deps } from '../deps.ts'

/** Compares each registry with what is stored. `runAt`: from the beginning then; else now, and one that was interrupted goes on. */
export async function enqueueReconcile(d: Pick<Deps, 'sql' | 'jobs' | 'config'>, runAt?: Date): Promise<void> {
  for (const { name } of d.config.registries)
    await d.jobs.enqueue(d.sql, 'reconcile', runAt ? { registry: name, fresh: true } : { registry: name }, {
      key: `reconcile:${name}`,
      queue: `reconcile:${name}`,
      ...(runAt ? { runAt } : {}),
    })
}
