import { formatInstant } from '../oci/instant.ts'
import type { RebuildState } from '../plan/assemble-plan.ts'
import type { Entry, NoticeContent, Outline, Outlook } from './digest-outline.ts'

/** The sentences of a mail, the same in text and HTML. Plain text: whoever writes HTML escapes it. */

/** "sha256:" and twelve hex digits: enough to tell two digests apart by eye. */
const shortDigest = (digest: string): string => digest.slice(0, digest.indexOf(':') + 13)

/** Registry time to the second: "2026-11-21 02:58:01 UTC". */
const readableTime = (since: string): string => `${formatInstant(BigInt(since)).slice(0, 19).replace('T', ' ')} UTC`

export const namespaceTitle = (key: string): string =>
  key === '_' || key.endsWith('/_')
    ? `Global namespace${key === '_' ? '' : ` of ${key.slice(0, -2)}`}`
    : `Namespace ${key}`

/** "a", "a and b", "a, b and 3 more". */
export function list(names: readonly string[], most = 5): string {
  const shown = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : [...names]
  const last = shown.pop() ?? ''
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`
}

export function subject({ sections, refs }: Outline): string {
  const outdated = new Set(entries(sections).flatMap((e) => (e.outlook.fate === 'outdated' ? e.ref : [])))
  const told = outdated.size > 0 ? [...outdated] : refs
  const be = outdated.size > 0 ? ['is', 'are'] : ['was', 'were']
  const who = told.length === 1 ? `${told[0]} ${be[0]}` : `${told.length} tags ${be[1]}`
  const why = sections.length === 1 ? `${sections[0]!.base} has moved` : `${sections.length} bases have moved`
  return oneLine(`${who} outdated: ${why}`)
}

const entries = (sections: Outline['sections']): Entry[] =>
  sections.flatMap(({ groups }) => groups.flatMap((group) => group.entries))

/** Whatever is in it, a header stays one header. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')

export function opening(told: Outline): string {
  const many = told.refs.length > 1
  const still = entries(told.sections).some(({ outlook }) => outlook.fate === 'outdated')
  const who = many
    ? `${told.refs.length} tags you look after ${still ? 'are' : 'were'}`
    : `A tag you look after ${still ? 'is' : 'was'}`
  const why =
    told.sections.length > 1
      ? 'bases they are built on have moved'
      : `a base ${many ? 'they are' : 'it is'} built on has moved`
  return `${who} outdated: ${why}.${still ? '' : ' None of it is any more.'}`
}

export function sinceWhen({ content }: Entry): string {
  const where = content.platforms.length > 0 ? ` (${list(content.platforms)})` : ''
  return `${readableTime(content.since)}${where}`
}

export function fromTo({ content, moves }: Entry): string {
  const old = content.from === null ? 'an earlier digest' : shortDigest(content.from)
  return `${old} → ${shortDigest(content.to)}${moves > 1 ? ` (in ${moves} moves)` : ''}`
}

export function throughWhom({ role, via }: NoticeContent): string {
  if (via !== null) return `through ${via}, which is itself outdated`
  return role === 'build' ? 'in a build stage' : 'directly'
}

const evidenceWords: Record<string, string> = {
  build: 'the record of its build',
  provenance: 'its provenance',
  annotation: 'its annotation',
  label: 'its label',
  recipe: 'its recipe',
  layers: 'its layers',
}

export function howSure({ confidence, evidence, stillAt }: NoticeContent): string {
  const by = list(evidence.map((kind) => evidenceWords[kind] ?? kind))
  if (confidence === 'declared') return `declared by ${by}`
  if (confidence === 'inferred') return `inferred from ${by}`
  if (stillAt.length === 0) return `ambiguous, found from ${by}: other names fit as well`
  const still = `${list(stillAt)} ${stillAt.length === 1 ? 'is' : 'are'} still at the content it was built on`
  return `ambiguous, found from ${by}: ${still}, and it may be meant to follow ${stillAt.length === 1 ? 'that' : 'one of these'}`
}

/** What happens next, and whether somebody has to do something. */
export function nextStep(entry: Entry): string {
  const { outlook, content } = entry
  if (outlook.fate === 'outdated') return rebuildOrMove(outlook.rebuild, content)
  return otherFates[outlook.fate]
}

const otherFates: Record<Exclude<Outlook['fate'], 'outdated'>, string> = {
  current: 'already rebuilt: it is current again, nothing to do',
  deleted: 'the tag has been deleted since, nothing to do',
  unknown: 'its bases cannot be judged at the moment; the link says why',
}

/** What another tag's recipe moves along needs no recipe: what becomes of that tag becomes of it. */
function rebuildOrMove(rebuild: RebuildState, content: NoticeContent): string {
  const leader = rebuild.movesWith
  if (leader === undefined) return rebuildStep(rebuild, content)
  if (rebuild.state === 'none') return `moves along with ${leader}, as soon as that is built again; below is how`
  return `moves along with ${leader}: ${rebuildStep(rebuild, content)}`
}

function rebuildStep({ state, waitsFor, because }: RebuildState, content: NoticeContent): string {
  switch (state) {
    case 'none':
      return 'no recipe, so it stays outdated until somebody rebuilds and pushes it; below is how to add a recipe'
    case 'manual':
      return 'it is rebuilt only when somebody asks for it; below is how'
    case 'pinned':
      return `its FROM names a digest, so a rebuild cannot help: let it name ${shortDigest(content.to)}`
    case 'settling':
      return because
        ? `a rebuild is planned: ${because}`
        : 'a rebuild is planned, as soon as the base has stayed put for a while'
    case 'waiting':
      if (because) return `its rebuild waits for others: ${because}`
      return `a rebuild is planned, after ${waitsFor.length > 0 ? list(waitsFor) : 'its bases'}`
    case 'approval':
      return 'a rebuild is planned and waits for approval'
    case 'paused':
      return 'automatic rebuilds are switched off at the moment'
    case 'queued':
      return 'a rebuild is queued'
    case 'running':
      return 'a rebuild is running'
    case 'failed':
      return `its rebuild failed${because ? ` (${because})` : ''}: somebody has to look at the log`
  }
}
