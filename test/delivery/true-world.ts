import { startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { makeClient } from '../../src/registry/client.ts'
import { type ReceivedEvent, receiveEvents } from '../support/event-receiver.ts'
import { emptyBlob, layerBlob, sha, type Thing } from './make-thing.ts'

export type TrueWorld = Awaited<ReturnType<typeof trueWorld>>

/** A registry that holds the true state. Every deed answers with the notifications that came of it, as they were sent. */
export async function trueWorld() {
  const receiver = await receiveEvents()
  const registry = await startSmallRegistry({ endpoints: [{ url: receiver.url }] })
  const client = makeClient({ url: new URL(registry.url) })
  const tags = new Map<string, Thing>()
  const held = new Set<string>()
  let told = 0
  let due = 0

  const blob = async (repository: string, bytes: Buffer) => {
    if (held.has(`${repository} ${sha(bytes)}`)) return
    held.add(`${repository} ${sha(bytes)}`)
    due += 1
    await client.uploadBlob(repository, sha(bytes), bytes)
  }
  const manifest = async (repository: string, reference: string, bytes: Buffer, mediaType: string) => {
    due += 1
    held.add(`${repository} ${sha(bytes)}`)
    await client.putManifest(repository, reference, { bytes, mediaType })
  }
  const part = async (repository: string, bytes: Buffer) => {
    if (!held.has(`${repository} ${sha(bytes)}`)) await manifest(repository, sha(bytes), bytes, mediaTypes.ociManifest)
  }
  /** What was told since the last time, of manifests. */
  const news = async (): Promise<ReceivedEvent[]> => {
    const all = await receiver.until((events) => events.length >= due)
    const fresh = all.slice(told)
    told = all.length
    return fresh.filter((event) => event.target.mediaType !== 'application/octet-stream')
  }
  const split = (ref: string): [string, string] => [
    ref.slice(0, ref.lastIndexOf(':')),
    ref.slice(ref.lastIndexOf(':') + 1),
  ]

  return {
    url: registry.url,
    /** where every tag is */
    tags,
    async push(ref: string, thing: Thing): Promise<ReceivedEvent[]> {
      const [repository, tag] = split(ref)
      await blob(repository, layerBlob)
      for (const piece of thing.pieces) await blob(repository, piece.config)
      for (const piece of thing.index ? thing.pieces : []) await part(repository, piece.manifest)
      for (const { statement, manifest: attestation } of thing.index?.attestations ?? []) {
        await blob(repository, emptyBlob)
        await blob(repository, statement)
        await part(repository, attestation)
      }
      if (thing.index) await manifest(repository, tag, thing.index.body, mediaTypes.ociIndex)
      else await manifest(repository, tag, thing.pieces[0]!.manifest, mediaTypes.ociManifest)
      tags.set(ref, thing)
      return news()
    },
    /** Deletes one tag. */
    async remove(ref: string): Promise<ReceivedEvent[]> {
      const [repository, tag] = split(ref)
      if (!tags.delete(ref)) return []
      await fetch(`${registry.url}/v2/${repository}/manifests/${tag}`, { method: 'DELETE' })
      due += 1
      return news()
    },
    /** Deletes what the tag points at, and so every tag of its repository that does. */
    async purge(ref: string): Promise<ReceivedEvent[]> {
      const [repository] = split(ref)
      const thing = tags.get(ref)
      if (!thing) return []
      const gone = [...tags].filter(([other, at]) => split(other)[0] === repository && at.head === thing.head)
      for (const [other] of gone) tags.delete(other)
      held.delete(`${repository} ${thing.head}`)
      await fetch(`${registry.url}/v2/${repository}/manifests/${thing.head}`, { method: 'DELETE' })
      due += 1 + gone.length
      return news()
    },
    async close() {
      client.close()
      await registry.close()
      await receiver.close()
    },
  }
}
