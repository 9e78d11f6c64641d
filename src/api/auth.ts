import { createHash, timingSafeEqual } from 'node:crypto'
import { ApiError } from './problem.ts'

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Passes this token as `Authorization: Bearer …`, compared in constant time; an ApiError otherwise. */
export function authenticate(wanted: string, authorization: string | undefined): void {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? ''
  if (token === '' || !timingSafeEqual(hash(token), hash(wanted)))
    throw new ApiError('unauthorized', 'an API token is wanted: Authorization: Bearer …')
}
