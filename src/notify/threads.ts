import type { Deps } from '../deps.ts'
import { mailDomain } from './mail-headers.ts'

/**
 * The Message-ID that stands for a cause: no mail has it, and all mails of the cause say that they answer it, so that a mail reader shows them
 * as one thread. It tells nothing of the cause.
 */
export const threadOf = ({ vault, config }: Pick<Deps, 'vault' | 'config'>, root: string): string =>
  `<cause.${vault.sign('thread', root).slice(0, 32)}@${mailDomain(config)}>`

/** Of all causes in a mail, those with the most notices first. */
export function threadsOf(d: Pick<Deps, 'vault' | 'config'>, notices: readonly { root: string }[]): string[] {
  const roots = [...Map.groupBy(notices, ({ root }) => root)].sort(([, a], [, b]) => b.length - a.length)
  return roots.slice(0, most).map(([root]) => threadOf(d, root))
}

const most = 10
