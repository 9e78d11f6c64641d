import { z } from 'zod'
import type { NoticeContent } from './digest-outline.ts'

const names = z.array(z.string())
const StoredContent = z.looseObject({
  base: z.string(),
  role: z.enum(['runtime', 'build', 'unknown']),
  from: z.string().nullable(),
  to: z.string(),
  evidence: names,
  confidence: z.enum(['declared', 'inferred', 'ambiguous']),
  stillAt: names,
  via: z.string().nullable(),
  platforms: names,
  pinned: z.boolean(),
  since: z.string().regex(/^\d{1,18}$|^[1-8]\d{18}$/, 'no time of a registry'),
  build: z.looseObject({ id: z.guid() }).optional(),
})

/** As it is stored; `build`: of follow-ups. `odd`: nothing can be told of it, and why. */
export type Content = NoticeContent & { build?: { id: string } }
export type Parsed = { content: Content; odd?: undefined } | { content: null; odd: string }

/** Whatever stands in one notice, all others are told: what is not as this says is looked up nowhere. */
export function parseContent(text: string): Parsed {
  const { data, error } = StoredContent.safeParse(JSON.parse(text))
  if (!error) return { content: data as Content }
  const odd = error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`).join('; ')
  return { content: null, odd: `its content is not what a notice holds: ${odd}` }
}
