import { isLostDatabase } from './is-lost-database.ts'

/**
 * postgres.js asks each new connection for the array types, on its own account (fetchArrayTypes in its connection.js). Where the connection
 * is lost in that moment nobody awaits the answer, and Node would end the process. Whoever wanted the connection is told all the same.
 * So that one rejection is let pass; any other ends the process as before. Answers how to undo this.
 */
export function outliveLostTypeFetch(): () => void {
  const judge = (reason: unknown) => {
    if (!isLostTypeFetch(reason)) throw reason
  }
  process.on('unhandledRejection', judge)
  return () => void process.off('unhandledRejection', judge)
}

const isLostTypeFetch = (reason: unknown): boolean =>
  reason instanceof Error && isLostDatabase(reason) && 'query' in reason && /\btyparray\b/.test(String(reason.query))
