/** What is known of a machine that `rm` did not remove. `said`: what `rm` printed, `tries`: removals that failed before this one. */
export type Unremoved = {
  /** its config.json: all that docker-machine knows of it */
  config: 'absent' | 'unreadable' | 'readable'
  /** it was whole once */
  whole: boolean
  /** what the cloud made was written down, so that docker-machine can name it there */
  noted: boolean
  tries: number
  said: string
}

const triesBeforeMissing = 3
/** With pauses of up to 10 minutes: about a day. */
const triesBeforeForgotten = 150

/**
 * Whether `rm -f` may be said, which forgets a machine whatever the cloud says. Else it stays known, and is tried again: a cloud that is down
 * for an hour must not make us forget what costs money.
 */
export function mayForget({ config, whole, noted, tries, said }: Unremoved): boolean {
  // Written before the cloud is asked (libmachine/libmachine.go): without one there is nothing that could be removed.
  if (config === 'absent') return true
  if (config === 'unreadable') return !whole && !noted
  if (isGone(said)) return tries >= triesBeforeMissing
  return !whole && !noted && tries >= triesBeforeForgotten
}

/** The cloud's own word that it has no such machine. A driver's plugin that is not found is another thing. */
function isGone(said: string): boolean {
  if (/plugin binary|executable file not found|Driver "[^"]*" not found/i.test(said)) return false
  return /\bnot found\b|\bNotFound\b|\b404\b|\b(does not|doesn't|no longer) exists?\b|\bno such (instance|server|machine|vm|domain)\b/i.test(
    said,
  )
}
