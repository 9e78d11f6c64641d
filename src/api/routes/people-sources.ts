import { z } from 'zod'
import { enqueueSync, listSources } from '../../people/people-sources.ts'
import { unheardNamespaces } from '../../people/unheard.ts'
import { admin } from '../access-of.ts'
import { ApiError } from '../problem.ts'
import { route } from '../route.ts'
import { Time } from '../schemas/tag.ts'
import { showDateOrNull } from '../show-tag.ts'

const PeopleSource = z
  .object({
    name: z.string(),
    kind: z.string().describe('portus-database, portus-api, file or harbor'),
    registry: z.string().nullable().describe('whose namespaces it speaks of; null where it says so itself'),
    triedAt: Time.nullable().describe('when it was read last, well or not'),
    syncedAt: Time.nullable().describe('when what holds now was read'),
    age: z.int().nullable().describe('seconds since then; null: never'),
    error: z
      .object({ code: z.string(), message: z.string() })
      .nullable()
      .describe('why the last reading changed nothing; what was read before holds on'),
    counts: z.object({ namespaces: z.int(), people: z.int(), members: z.int(), rules: z.int() }).nullable(),
    notes: z.array(z.string()).describe('what it cannot know, and what was left out'),
  })
  .meta({ id: 'PeopleSource' })

const Sync = z.strictObject({
  believe: z.boolean().default(false).describe('take it as it is though most of its people are gone'),
})

export const peopleSourceRoutes = [
  route({
    method: 'get',
    path: '/people-sources',
    access: admin,
    summary: 'Where people, roles and visibility come from besides the API, how old it is, and what is wrong with it',
    responses: {
      200: z.object({
        items: z.array(PeopleSource),
        next: z.null(),
        unheard: z
          .array(z.string())
          .describe('namespaces with outdated tags of which nobody hears, neither a person nor a channel'),
      }),
    },
    async handle(d) {
      const items = (await listSources(d)).map(({ triedAt, syncedAt, ...source }) => ({
        ...source,
        triedAt: showDateOrNull(triedAt),
        syncedAt: showDateOrNull(syncedAt),
      }))
      return { status: 200, body: { items, next: null, unheard: await unheardNamespaces(d) } }
    },
  }),
  route({
    method: 'post',
    path: '/people-sources/{name}/sync',
    access: admin,
    summary: 'Read a source now',
    params: z.object({ name: z.string().min(1).max(64) }),
    body: Sync,
    responses: { 202: z.object({ name: z.string() }) },
    problems: ['no-such-source'],
    details: (_, { body: { believe } }) => ({ believe }),
    async handle(d, { params: { name }, body: { believe } }) {
      if (!d.config.peopleSources.some((source) => source.name === name))
        throw new ApiError('no-such-source', `no source of people is called ${name}`)
      await enqueueSync(d, { source: name, ...(believe ? { believe } : {}) })
      return { status: 202, body: { name } }
    },
  }),
]
