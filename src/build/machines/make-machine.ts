import type { Deps } from '../../deps.ts'
import { BuildError } from '../build-error.ts'
import { held } from './held.ts'
import type { MachineCli } from './machine-cli.ts'
import type { NamedProfile } from './profile.ts'
import type { MachineEndpoint } from './read-endpoint.ts'
import { cameToBe } from './rows.ts'

/**
 * Makes the machine whose row was reserved, and says where it answers. Whatever it throws, the row is still there and must go
 * through `removeMachine`: half a machine may be there too. Errors: those of MachineCli, `machine-lost`.
 */
export async function makeMachine(
  d: Pick<Deps, 'sql' | 'log'>,
  cli: MachineCli,
  name: string,
  profile: NamedProfile,
  signal: AbortSignal,
  onOutput: (text: string) => void,
): Promise<{ endpoint: MachineEndpoint; seconds: number }> {
  const endpoint = await held(d, name, 'creating', signal, async (held) => {
    await cli.create(name, profile, held, onOutput)
    return cli.endpoint(name, held)
  })
  const seconds = await cameToBe(d.sql, name)
  if (seconds === null) throw new BuildError('machine-lost', `${name} was taken over`, { retryable: true })
  d.log.info({ machine: name, profile: profile.name, seconds: Math.round(seconds) }, 'a machine was made')
  return { endpoint, seconds }
}
