import { z } from 'zod'
import { readableBy } from '../../access/readable-by.ts'
import { MemberRole } from '../../people/person.ts'
import { self } from '../access-of.ts'
import { route } from '../route.ts'

const Me = z
  .object({
    name: z.string(),
    via: z.string().describe('how it was shown: `bootstrap`, `token:ID`, `session`, `portus`'),
    admin: z.boolean(),
    scopes: z.array(z.string()).describe('what a token is narrowed to; empty: nothing'),
    email: z.string().nullable(),
    displayName: z.string().nullable(),
    namespaces: z
      .array(z.object({ namespace: z.string(), role: MemberRole }))
      .describe('of which one is a member, and which the token may read'),
  })
  .meta({ id: 'Me' })

export const meRoutes = [
  route({
    method: 'get',
    path: '/me',
    access: self,
    summary: 'Who asks, and what they are a member of',
    responses: { 200: Me },
    async handle(d, { principal }) {
      const { name, via, admin, scopes } = principal
      const known = via === 'bootstrap' ? null : name
      const [person] = await d.sql<{ email: string | null; displayName: string | null }[]>`
        select email, display_name from person where name = ${known}`
      const namespaces = await d.sql<z.infer<typeof Me>['namespaces']>`
        select namespace_key as namespace, role from member where user_name = ${known} and ${readableBy(d.sql, principal, d.sql`namespace_key`)} order by namespace_key`
      const own = { email: person?.email ?? null, displayName: person?.displayName ?? null }
      return { status: 200, body: { name, via, admin, scopes: [...scopes], ...own, namespaces: [...namespaces] } }
    },
  }),
]
