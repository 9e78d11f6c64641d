import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import pino from 'pino'
import type { Config } from '../../../src/config.ts'
import type { RegistryConfig } from '../../../src/registry/registries.ts'
import { webhookRoute } from '../../../src/webhook/route.ts'
import { testDeps } from '../../support/deps.ts'
import { testDatabase } from '../../support/postgres.ts'
import { googleAudience, googleIssuer, googleKeys, type Sender } from './senders.ts'

export const headerToken = 'a-token-for-headers'
export const urlToken = 'a-token-for-addresses'
export const serviceAccount = 'drydock@my-project.iam.gserviceaccount.com'

export const secretOf = ({ proof }: Sender) =>
  ({ header: headerToken, signature: headerToken, url: urlToken, identity: serviceAccount })[proof]

export const registry = (name: string, more: Partial<RegistryConfig> = {}): RegistryConfig => ({
  ...{ name, url: `https://${name}`, insecure: false },
  ...more,
})

export type Sent = { headers: Record<string, string>; query: string; body: string | Buffer }

/** Sends it to a format's address, of which `registry` may be part. */
export function send(
  url: string,
  format: string,
  { headers, query, body }: Sent,
  registry?: string,
): Promise<Response> {
  const name = registry === undefined ? '' : `registry=${encodeURIComponent(registry)}&`
  return fetch(`${url}/${format}?${name}${query}`, { method: 'POST', headers, body })
}

/** The webhook's route on real parts, Google's keys included; a stage for the tests of one file. */
export async function setStage() {
  const pg = await testDatabase()
  const google = await googleKeys()
  const servers: Server[] = []
  let written = ''
  const log = pino(
    { level: 'trace' },
    new Writable({
      write(chunk, _encoding, done) {
        written += chunk
        done()
      },
    }),
  )
  return {
    ...{ pg, google },
    /** what was logged since `clear` */
    written: () => written,
    identity: (account = serviceAccount, keysUrl = google.url) => ({
      google: { serviceAccount: account, audience: googleAudience, issuer: googleIssuer, keysUrl },
    }),
    /** The route on a port of its own; answers 404 where the route passes on. */
    async serve(registries: RegistryConfig[], sql = pg.sql): Promise<string> {
      const config = { registries, webhookToken: headerToken, webhookUrlToken: urlToken } as unknown as Config
      const route = webhookRoute({ ...testDeps(pg), sql, log, config })
      const server = createServer((request, response) => {
        if (!route(request, response)) response.writeHead(404).end()
      })
      servers.push(server)
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/webhooks/events`
    },
    rows: () => pg.sql<{ registry: string; eventId: string; action: string; outcome: string; reason: string | null }[]>`
      select registry.name as registry, event_id, action, outcome, reason
      from event join registry on registry.id = registry_id order by event_id`,
    jobs: async () =>
      (
        await pg.sql<{ job: string }[]>`
          select t.identifier || ' ' || coalesce(j.key, '') as job from graphile_worker._private_jobs j
          join graphile_worker._private_tasks t on t.id = j.task_id order by 1`
      ).map((row) => row.job.trim()),
    async clear() {
      await pg.sql`truncate event cascade`
      await pg.sql`delete from graphile_worker._private_jobs`
      written = ''
    },
    async close() {
      for (const server of servers) server.close()
      await google.close()
      await pg.close()
    },
  }
}

export type Stage = Awaited<ReturnType<typeof setStage>>
