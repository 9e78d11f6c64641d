import { RegistryError } from '../registry/registry-error.ts'
import { BuildError } from './build-error.ts'

/** A push that the registry does not let us make, said so (`push-refused`); any other failure as it is. */
export const pushRefused = (error: unknown): unknown =>
  error instanceof RegistryError && error.code === 'unauthorized'
    ? new BuildError('push-refused', `the registry refuses the push: ${error.message}`, { cause: error })
    : error

/** The same of what `docker push` said, also where the registry's answer was no JSON. */
export const isPushRefused = (stderr: string): boolean =>
  /denied|unauthorized|authentication required|no basic auth|HTTP 40[13] |status:? (code )?40[13]/i.test(stderr)
