import { createHash } from 'node:crypto'

/** The first 128 bits of a sha256, as uuid text: what PostgreSQL stores and compares in 16 bytes. */
export type HashId = string

/** One entry of a config's `history`. https://github.com/opencontainers/image-spec/blob/main/config.md#properties */
export type HistoryEntry = { created_by?: string | null | undefined; empty_layer?: boolean | null | undefined }

/**
 * What history tells: `stepIds[k]` over the first k+1 entries, `solidIds[k]` over the first k+1 that made a layer.
 * Both are empty unless the history accounts for the layers: as many non-empty entries as diffIDs, none of them blank.
 */
export type Steps = { accounts: boolean; stepIds: HashId[]; solidIds: HashId[] }

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The first 128 bits of a hex digest (`sha256:` and the like in front allowed). */
export const hashId = (digest: string): HashId =>
  digest.slice(digest.indexOf(':') + 1).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/s, '$1-$2-$3-$4-$5')

/**
 * `chainIds(diffIds)[k]` names the first k+1 layers, uncompressed: chain(1) = diffID(1), chain(n) = sha256(chain(n-1) + " " + diffID(n)).
 * https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
 */
export function chainIds(diffIds: readonly string[]): HashId[] {
  let chain = ''
  return diffIds.map((diffId) => {
    chain = chain === '' ? diffId : `sha256:${sha256(`${chain} ${diffId}`)}`
    return hashId(chain)
  })
}

/** The running hashes of the history, times left out: `created_by` and `empty_layer` of each entry, with the diffID it made. */
export function steps(history: readonly HistoryEntry[], diffIds: readonly string[]): Steps {
  const solid = history.filter((entry) => !entry.empty_layer)
  const accounts = solid.length === diffIds.length && solid.every((entry) => (entry.created_by ?? '').trim() !== '')
  if (!accounts) return { accounts, stepIds: [], solidIds: [] }
  let next = 0
  let step = ''
  let ground = ''
  const solidIds: HashId[] = []
  const stepIds = history.map((entry) => {
    const diffId = entry.empty_layer ? null : diffIds[next++]!
    const text = JSON.stringify([entry.created_by ?? '', diffId === null, diffId])
    step = sha256(`${step}\n${text}`)
    if (diffId !== null) {
      ground = sha256(`${ground}\n${text}`)
      solidIds.push(hashId(ground))
    }
    return hashId(step)
  })
  return { accounts, stepIds, solidIds }
}
