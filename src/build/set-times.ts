import { lutimes, opendir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Gives everything in a directory, and itself, one time; links are not followed. Docker puts a file's time into the layer: with that of
 * the checkout no two builds of one commit would have the same content, and nothing built on them could be left alone.
 */
export async function setTimes(dir: string, time: Date, signal: AbortSignal): Promise<void> {
  for await (const { parentPath, name } of await opendir(dir, { recursive: true })) {
    signal.throwIfAborted()
    await lutimes(join(parentPath, name), time, time)
  }
  await lutimes(dir, time, time)
}
