/** What was seen of a file: its size and instant of change (ms) before and after it was read, and how many bytes it gave. */
export type Reading = { before: FileStat; after: FileStat; bytes: number }
export type FileStat = { size: number; mtimeMs: number }

/** A file that was changed within so many ms may be half written. */
export const settledMs = 1000
/** Readings of one file at most: no file is waited for for ever. */
export const mostReadings = 5

/**
 * Whether what was read counts. `again`: it may be half written, and is to be read once more after so many ms. One that is written all the
 * time is taken if it stayed as it was while it was read, the last time; else it is `changing`. An instant in the future says nothing of its age.
 * Pure. `now`: ms; `times`: how often it was read, this time too.
 */
export function judgeReading({ before, after, bytes }: Reading, now: number, times: number): Judgement {
  const changed = before.size !== after.size || before.mtimeMs !== after.mtimeMs || bytes !== after.size
  const age = now - after.mtimeMs
  const young = age >= 0 && age < settledMs
  if (!changed && !young) return { kind: 'whole' }
  if (times < mostReadings) return { kind: 'again', inMs: young ? settledMs - age : settledMs }
  return { kind: changed ? 'changing' : 'whole' }
}
export type Judgement = { kind: 'whole' } | { kind: 'again'; inMs: number } | { kind: 'changing' }
