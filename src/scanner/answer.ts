import type { Deps } from '../deps.ts'
import { outdatedFeatures } from './outdated-features.ts'
import { byIndex, scannedTags } from './scanned-image.ts'
import { type Shown, shownOf } from './shown.ts'

/**
 * Our own part. `features`: what is wrong with the image, as Clair says it. `shown`: what each of its tags
 * shows (shown.ts), read from the same state; it takes as long as there are tags, so nobody is to wait for it. Null: it could not be read.
 */
export type Answer = { features: object[]; shown: Promise<Shown | null> }

type Needs = Pick<Deps, 'sql' | 'config' | 'log'>

/** Of the image with this top layer. Rejects as the database does. */
export async function answer(d: Needs, name: string): Promise<Answer> {
  const own = Promise.withResolvers<object[]>()
  const read = byIndex(d.sql, async (tx) => {
    const at = { sql: tx, config: d.config }
    own.resolve(await outdatedFeatures(at, name))
    return shownOf(at, await scannedTags(tx, name))
  })
  // while there is no answer yet, it is what fails
  const shown = read.catch((err: unknown) => {
    own.reject(err)
    d.log.info({ err }, 'what Portus shows could not be read: it is asked to look again')
    return null
  })
  return { shown, features: await own.promise }
}
