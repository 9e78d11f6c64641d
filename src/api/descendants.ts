import type { Response } from 'express'
import type { Principal } from '../access/principal.ts'
import { readableRef } from '../access/readable-by.ts'
import type { Fragment, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { descendants } from '../lineage/descendants.ts'

/** Manifests of which the tags are looked up together. */
const pieceSize = 5000

type Line = { ref: string; digest: string }

/**
 * Every tag that may be read whose present content is based on that of `head`, whatever names it goes by, one JSON object a line, as they
 * are found. A tag with several platforms may come once for each.
 */
export async function sendDescendants(
  d: Pick<Deps, 'sql' | 'config'>,
  principal: Principal,
  head: string,
  response: Response,
): Promise<void> {
  response.status(200).type('application/x-ndjson').setHeader('cache-control', 'no-store')
  const readable = (tx: Tx) => readableRef({ sql: tx, config: d.config }, principal, tx`tag.ref`)
  await d.sql.begin('isolation level repeatable read read only', async (tx) => {
    for (const base of await platformManifests(tx, head)) {
      const found = await descendants(tx, base)
      for (let i = 0; i < found.length && !response.destroyed; i += pieceSize) {
        const lines = (await tagsAt(tx, found.slice(i, i + pieceSize), readable))
          .map((line) => `${JSON.stringify(line)}\n`)
          .join('')
        if (!response.write(lines))
          await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
      }
    }
  })
  response.end()
}

const platformManifests = async (tx: Tx, head: string): Promise<string[]> =>
  (
    await tx<{ digest: string }[]>`
    select digest from manifest where digest = ${head} and kind = 'image'
    union select manifest_digest from index_entry where index_digest = ${head} and not attestation order by 1`
  ).map((row) => row.digest)

const tagsAt = (tx: Tx, manifests: string[], readable: (tx: Tx) => Fragment) => tx<Line[]>`
  with found as (select unnest(${manifests}::text[]) as digest)
  select tag.ref, tag.head_digest as digest from found join tag on tag.head_digest = found.digest where ${readable(tx)}
  union
  select tag.ref, tag.head_digest from found join index_entry entry on entry.manifest_digest = found.digest
  join tag on tag.head_digest = entry.index_digest where ${readable(tx)}`
