import type { Principal } from '../access/principal.ts'
import { ApiError } from './problem.ts'

/** In whose name something is done, as shown to others: an admin may act for somebody, everybody else is themselves. */
export function saidBy(principal: Principal, said: string | undefined): string {
  if (said === undefined || said === principal.name) return principal.name
  if (!principal.admin) throw new ApiError('forbidden', 'only an admin does something in another name: leave out `by`')
  return said
}
