import type { RebuildStateName } from './assemble-plan.ts'

/** How the rebuild of an outdated tag stands, in a few words: for pages and chats. Mails say more (notify/digest-words.ts). */
export const rebuildWords: Record<RebuildStateName, string> = {
  none: 'no recipe, so it stays so until somebody rebuilds it',
  manual: 'rebuilt when somebody asks for it',
  pinned: 'its FROM names a digest, so a rebuild cannot help',
  settling: 'a rebuild is planned, when the base has stayed put for a while',
  waiting: 'a rebuild is planned, after its bases',
  approval: 'a rebuild is planned and waits for approval',
  paused: 'automatic rebuilds are held at the moment',
  queued: 'a rebuild is queued',
  running: 'a rebuild is running',
  failed: 'its rebuild failed',
}
