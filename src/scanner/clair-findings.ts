import { createHash } from 'node:crypto'
import { z } from 'zod'

/** What a real Clair found in a layer and those below: JSON text of an array of features, and the hash of it. */
export type Findings = { features: string; hash: string }

const text = z.string().optional()
/** Clair v1's words, in its order: https://github.com/quay/clair/blob/v2.1.8/api/v1/models.go */
const Answer = z.object({
  Layer: z.object({
    Features: z
      .array(
        z.object({
          ...{ Name: text, NamespaceName: text, VersionFormat: text, Version: text, AddedBy: text },
          Vulnerabilities: z
            .array(
              z.object({
                ...{ Name: z.string(), NamespaceName: text, Description: text, Link: text, Severity: text },
                ...{ Metadata: z.unknown().optional(), FixedBy: text },
              }),
            )
            .nullish(),
        }),
      )
      .nullish(),
  }),
})

/**
 * What a real Clair says of a layer, as it is kept; null where that is no such answer. Pure. Clair 2 walks a map, so that the same is in
 * another order each time it is asked: sorted, the same is one text, and has one hash. Features without vulnerabilities are left out, as
 * Portus passes them over (its lib/portus/security_backends/clair.rb) and an image has thousands; so is what no database takes as text.
 */
export function findingsOf(answer: unknown): Findings | null {
  const said = Answer.safeParse(answer)
  if (!said.success) return null
  const vulnerable = (said.data.Layer.Features ?? []).flatMap(({ Vulnerabilities, ...feature }) =>
    Vulnerabilities?.length ? [{ ...feature, Vulnerabilities: byText(Vulnerabilities) }] : [],
  )
  return kept(storable(JSON.stringify(byText(vulnerable))))
}

const kept = (features: string): Findings => ({ features, hash: createHash('md5').update(features).digest('hex') })

/** Nothing, or nothing known. */
export const nothingFound = kept('[]')

function byText<T>(all: readonly T[]): T[] {
  const texts = all.map((one) => ({ one, text: JSON.stringify(one) }))
  return texts.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)).map(({ one }) => one)
}

/** Of JSON text: NUL and halves of a surrogate pair are escaped in it; a backslash that was said itself is doubled. */
const storable = (json: string): string =>
  json.replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (said) => (said === '\\\\' ? said : '\ufffd'))
