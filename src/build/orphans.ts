import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { processStart, signalGroup } from './process-group.ts'

/**
 * Ends the programs that a dead attempt left running, by the notes in its directory (`pid-N` holds the start time of N). A number
 * that was given to another process since is left alone: its start differs. Without /proc nothing is ended. Gives how many it ended.
 */
export async function endOrphans(notesDir: string): Promise<number> {
  const names = await readdir(notesDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  let ended = 0
  for (const name of names.filter((entry) => /^pid-\d+$/.test(entry))) {
    const pid = Number(name.slice('pid-'.length))
    const noted = await readFile(join(notesDir, name), 'utf8')
    if (noted === '' || (await processStart(pid)) !== noted) continue
    signalGroup(pid, 'SIGKILL')
    ended++
  }
  return ended
}
