import { z } from 'zod'
import { BuildError } from '../build-error.ts'

/** What is read of a problem (RFC 9457), whoever sent it. */
const Problem = z.object({
  code: z.string().default(''),
  detail: z.string().default(''),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
})

/**
 * Why a build service does not take a build: `builder-unauthorised`, `builder-conflict` (the id is taken), `builder-absent` (no build
 * service there), `builder-refused` (it says what is wrong).
 */
export function refusal(url: string, { status, body }: { status: number; body: unknown }): BuildError {
  const said = Problem.safeParse(body).data
  const detail = (said?.detail ?? '').slice(0, 1000)
  const why = detail === '' ? '' : `: ${detail}`
  if (status === 401 || status === 403)
    return new BuildError(
      'builder-unauthorised',
      `the build service at ${url} does not take our DRYDOCK_BUILDER_TOKEN: it must be the same on both sides`,
    )
  if (status === 409) return new BuildError('builder-conflict', `the build service at ${url} refuses the build${why}`)
  if (status === 404 || said === undefined)
    return new BuildError(
      'builder-absent',
      `there is no build service at ${url} (it answered ${status}): it needs the role builder and DRYDOCK_BUILDER_TOKEN`,
    )
  const faults = said.errors.slice(0, 10).map(({ path, message }) => `${path}: ${message.slice(0, 300)}`)
  const all = [why, ...(faults.length > 0 ? [`; ${faults.join('; ')}`] : [])].join('')
  return new BuildError('builder-refused', `the build service at ${url} refuses the build (${status})${all}`)
}
