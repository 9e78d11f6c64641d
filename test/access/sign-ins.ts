import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { startSession } from '../../src/access/sessions.ts'
import { put } from '../api/access-world.ts'
import type { TestApi } from '../api/start-api.ts'

/** A person with one of everything by which they may show who they are. */
export async function signedIn(api: TestApi, name: string): Promise<{ token: string }> {
  await put(api, `users/${name}`, { email: `${name}@example.org` })
  await put(api, `users/${name}/password`, { password: 'a long enough password' })
  const issuer = 'https://op.test'
  await api.d.sql`
    insert into identity (issuer, subject, user_name, created_at) values (${issuer}, ${`${name}-1`}, ${name}, now())`
  await startSession(api.d, { user: name, via: issuer, subject: `${name}-1`, admin: false, phc: null })
  const { token } = await makeToken(api.d, bootstrap, { user: name, name: 't', scopes: [], expiresAt: null })
  return { token }
}
