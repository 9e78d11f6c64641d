import { z } from 'zod'
import { admin } from '../access-of.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDate, showDateOrNull } from '../show-tag.ts'

const Machine = z
  .object({
    name: z.string(),
    state: z
      .enum(['creating', 'ready', 'leased', 'removing'])
      .describe('ready: it stands in its pool; leased: a build has it'),
    profile: z.string().describe('of the settings; ? where nothing was known of it'),
    driver: z.string(),
    owner: z.string().describe('the state directory of docker-machine that knows it: host name and something random'),
    build: z.string().nullable().describe('the build that it is, or is being made, for'),
    createdAt: Time,
    readyAt: Time.nullable(),
    ageSeconds: z.number().int(),
    error: z
      .object({ code: z.string(), message: z.string(), tries: z.number().int() })
      .nullable()
      .describe('why it could not be removed so far'),
  })
  .meta({ id: 'Machine' })

type Row = {
  name: string
  state: z.infer<typeof Machine>['state']
  profile: string
  driver: string
  owner: string
  buildId: string | null
  createdAt: Date
  readyAt: Date | null
  ageSeconds: number
  error: string | null
}

export const machineRoutes = [
  route({
    method: 'get',
    path: '/machines',
    access: admin,
    summary: 'Hosts made by docker-machine, oldest first: all that may exist, and so cost something',
    responses: { 200: z.object({ items: z.array(Machine), next: z.null() }) },
    async handle(d) {
      const rows = await d.sql<Row[]>`
        select name, state, profile, driver, owner, build_id, created_at, ready_at, error::text as error,
          greatest(0, floor(extract(epoch from now() - created_at)))::int as age_seconds
        from machine order by created_at, name`
      const items = rows.map(({ buildId, createdAt, readyAt, error, ...row }) => ({
        ...row,
        build: buildId,
        createdAt: showDate(createdAt),
        readyAt: showDateOrNull(readyAt),
        error: error === null ? null : (JSON.parse(error) as z.infer<typeof Machine>['error']),
      }))
      return { status: 200, body: { items, next: null } }
    },
  }),
]
