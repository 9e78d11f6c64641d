import { z } from 'zod'
import { mayRead } from '../../access/access.ts'
import { keyOfRef } from '../../access/key-of-ref.ts'
import type { Principal } from '../../access/principal.ts'
import { standingsOf, unknownStanding } from '../../access/standing.ts'
import type { Deps } from '../../deps.ts'
import { type BadgeState, badge } from '../../ui/badge.ts'
import { open } from '../access-of.ts'
import { refOf } from '../names.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'

/** Seconds for which a proxy of images may keep it: a README shows a change after so long. */
const fresh = 60

/** What may be said of a tag to who asks. Whether there is none, or none for them, looks the same. */
async function stateOf(d: Deps, principal: Principal, text: string): Promise<BadgeState> {
  const ref = known(d, text)
  if (ref === null) return 'absent'
  const key = keyOfRef(d, ref)
  const standing =
    key === null ? unknownStanding : ((await standingsOf(d, principal, [key])).get(key) ?? unknownStanding)
  if (key === null || !mayRead(principal, key, standing)) return 'absent'
  const [tag] = await d.sql<{ status: BadgeState | null }[]>`
    select status from tag where ref = ${ref} and head_digest is not null`
  return tag ? (tag.status ?? 'unknown') : 'absent'
}

/** Whatever cannot be a tag of ours is none. */
function known(d: Deps, text: string): string | null {
  try {
    return refOf(d, text)
  } catch (error) {
    if (error instanceof ApiError) return null
    throw error
  }
}

export const badgeRoutes = [
  route({
    method: 'get',
    path: '/badge/{ref}.svg',
    access: open,
    summary:
      'For a README: whether a tag is outdated. Without a token for what is in a public namespace; 404, still a picture, for what is not there or not yours to see',
    params: z.object({ ref: z.string().min(1).max(700) }),
    responses: { 200: ['image/svg+xml'], 404: ['image/svg+xml'] },
    async handle(d, { params, principal }, response) {
      const state = await stateOf(d, principal, params.ref)
      response
        .status(state === 'absent' ? 404 : 200)
        .type('image/svg+xml')
        .setHeader('cache-control', principal.via === 'nobody' ? `public, max-age=${fresh}` : 'private, no-store')
        .setHeader('vary', 'authorization, portus-auth, cookie')
        .setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        .send(badge(state))
      return null
    },
  }),
]
