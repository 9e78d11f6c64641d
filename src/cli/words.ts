/** The API's codes as people say them. */

const evidence: Record<string, string> = {
  build: 'our own record of its build',
  provenance: 'its provenance',
  annotation: 'its annotation',
  label: 'its label',
  recipe: 'its Dockerfile',
  layers: 'its layers',
}

const reasons: Record<string, (base: string) => string> = {
  'base-absent': (base) => `${base} was deleted`,
  'platform-absent': (base) => `${base} has no such platform any more`,
  'base-unreachable': (base) => `${base} could not be asked for`,
  'base-unnamed': () => 'it is based on something that no tag names',
  'digest-unknown': (base) => `it names ${base} without a digest, and what that was then is not known`,
  'unresolved-arg': () => 'its base is a build argument without a value',
  unreadable: () => 'its manifest or config could not be read',
}

/** "its annotation and its layers" */
export const evidenceWords = (kinds: readonly string[]): string => listed(kinds.map((kind) => evidence[kind] ?? kind))

/** Why something could not be judged. */
export const reasonWords = ({ reason, base }: { reason: string; base: string | null }): string =>
  reasons[reason]?.(base ?? 'a base') ?? reason

/** How sure a base, or a cause, is: who says so, and what speaks against it. */
export function confidenceWords(of: {
  confidence: string
  evidence: readonly string[]
  stillAt?: readonly string[]
}): string {
  const who = evidenceWords(of.evidence)
  if (of.confidence === 'declared') {
    const said = of.evidence.filter((kind) => kind !== 'layers')
    return `named by ${evidenceWords(said)}${said.length < of.evidence.length ? '; its layers agree' : ''}`
  }
  if (of.confidence === 'inferred') return `found by ${who}`
  const still = of.stillAt ?? []
  return `found by ${who}, not certain: ${still.length > 0 ? `${listed(still)} still there` : 'several names fit'}`
}

type Rebuild = {
  state: string
  waitsFor: readonly string[]
  because?: string | undefined
  movesWith?: string | undefined
}

/** "waiting for a, b: a has no recipe" */
export const rebuildWords = ({ state, waitsFor, because, movesWith }: Rebuild): string =>
  `${movesWith ? `moves along with ${movesWith}, ` : ''}${state}${waitsFor.length > 0 ? ` for ${waitsFor.join(', ')}` : ''}${because ? `: ${because}` : ''}`

/** "a, b and c" */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

/** "40 s", "3 min", "2 h" */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}
