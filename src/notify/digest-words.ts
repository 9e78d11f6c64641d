import { formatInstant } from '../oci/instant.ts'
import type { RebuildState } from '../plan/assemble-plan.ts'
import {
  type Entry,
  entriesOf,
  type Kind,
  type NoticeContent,
  type Outline,
  type Outlook,
  type Part,
  type Pin,
  type Place,
  type Proposed,
} from './digest-outline.ts'

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

/** The first two of what it tells; the first names a tag where there is one alone. */
export function subject({ parts }: Outline): string {
  return oneLine(parts.slice(0, 2).map(partTitle).join('; '))
}

function partTitle({ kind, sections }: Part): string {
  const entries = entriesOf(sections)
  const refs = [...new Set(entries.map(({ ref }) => ref))]
  const tags = (names: readonly string[]) => (names.length === 1 ? `${names[0]}` : `${names.length} tags`)
  const be = (names: readonly string[], one: string, many: string) => (names.length === 1 ? one : many)
  const bases = sections.length === 1 ? sections[0]!.base : `${sections.length} bases`
  if (kind === 'failed') return `${tags(refs)} could not be rebuilt`
  if (kind === 'rebuilt') return `${tags(refs)} ${be(refs, 'was', 'were')} rebuilt on ${bases}`
  if (kind === 'still') return `${tags(refs)} ${be(refs, 'is', 'are')} still outdated: ${bases}`
  const outdated = [...new Set(entries.flatMap((e) => (e.outlook.fate === 'outdated' ? e.ref : [])))]
  const told = outdated.length > 0 ? outdated : refs
  const verb = outdated.length > 0 ? be(told, 'is', 'are') : be(told, 'was', 'were')
  return `${tags(told)} ${verb} outdated: ${bases} ${sections.length === 1 ? 'has' : 'have'} moved`
}

/** Whatever is in it, a header stays one header. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')

/** What a part is about, in a sentence. */
export function opening({ kind, sections }: Part): string {
  const entries = entriesOf(sections)
  const count = new Set(entries.map(({ ref }) => ref)).size
  const many = count > 1
  if (kind === 'failed')
    return `${many ? `The rebuilds of ${count} tags` : 'The rebuild of a tag'} you look after failed; the tag${many ? 's are' : ' is'} outdated still.`
  if (kind === 'rebuilt')
    return `${many ? `${count} tags you look after were` : 'A tag you look after was'} rebuilt, and ${many ? 'are' : 'is'} current again.`
  if (kind === 'still')
    return `${many ? `${count} tags you look after are` : 'A tag you look after is'} still outdated.`
  const outdated = new Set(entries.flatMap(({ ref, outlook }) => (outlook.fate === 'outdated' ? ref : []))).size
  const said = outdated > 0 ? outdated : count
  const who = said > 1 ? `${said} tags you look after` : 'A tag you look after'
  const be = (one: number) => (outdated > 0 ? (one > 1 ? 'are' : 'is') : one > 1 ? 'were' : 'was')
  const why =
    sections.length > 1
      ? `bases ${said > 1 ? 'they are' : 'it is'} built on have moved`
      : `a base ${said > 1 ? 'they are' : 'it is'} built on has moved`
  const rest = count - said
  const more = rest === 0 ? '' : ` What has become of ${rest} more is said below.`
  return `${who} ${be(said)} outdated: ${why}.${outdated > 0 ? more : ' None of it is any more.'}`
}

export const partTitles: Record<Kind, string> = {
  outdated: 'Outdated',
  failed: 'Rebuilds that failed',
  still: 'Outdated still',
  rebuilt: 'Rebuilt',
}

/** "for 9 days". */
export function howLong({ content }: Entry, now: Date): string {
  const days = Math.max(0, Math.floor((now.getTime() - Number(BigInt(content.since) / 1_000_000n)) / 86_400_000))
  return `for ${days} day${days === 1 ? '' : 's'}`
}

export const howItFailed = ({ build }: Entry): string => visible(build?.error ?? 'the build said nothing of why')

export function howRebuilt({ build, content }: Entry): string {
  const what = build?.digest ? `, now ${shortDigest(build.digest)}` : ''
  return `on the base at ${shortDigest(content.to)}${what}${build ? '' : ", by somebody else's push"}`
}

/** Words of others on one line: nothing that moves a terminal's cursor, or turns the direction of what follows. */
export const visible = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()

export function sinceWhen({ content }: Entry): string {
  const where = content.platforms.length > 0 ? ` (${list(content.platforms)})` : ''
  return `${readableTime(content.since)}${where}`
}

export function fromTo({ content, moves }: Entry): string {
  const old = content.from === null ? 'an earlier digest' : shortDigest(content.from)
  return `${old} → ${shortDigest(content.to)}${moves > 1 ? ` (in ${moves} moves)` : ''}`
}

export function throughWhom({ role, via }: NoticeContent): string {
  if (via !== null) return `through ${via}, which is built on it`
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

/** What happens next, and whether somebody has to do something. `mayBuild`: whether the reader can, of this tag, or of a leader that moves it along. */
export function nextStep({ outlook, content }: Entry, mayBuild: (leader?: string) => boolean): string {
  if (outlook.fate !== 'outdated') return otherFates[outlook.fate]
  const { rebuild, place, pins = [], proposed } = outlook
  const known = { pins, proposed, mayBuild: mayBuild(rebuild.movesWith) }
  return `${rebuildOrMove(rebuild, content, known)}${isPlanned(rebuild) ? inThePlan(place) : ''}`
}

const isPlanned = ({ state }: RebuildState): boolean => /^(settling|waiting|approval|paused|queued)$/.test(state)

const inThePlan = (place: Place | undefined): string =>
  place === undefined
    ? ''
    : `; place ${place.at} of ${place.of} in the plan${place.waves > 1 ? `, in wave ${place.wave} of ${place.waves}` : ''}`

const otherFates: Record<Exclude<Outlook['fate'], 'outdated'>, string> = {
  current: 'already rebuilt: it is current again, nothing to do',
  replaced: 'already rebuilt: this base makes it outdated no more, but another does',
  settled: 'not outdated by it any more, though it was not rebuilt: what is known of it, or a rule, has changed',
  deleted: 'the tag has been deleted since, nothing to do',
  unknown: 'its bases cannot be judged at the moment; the link says why',
}

/** `mayBuild`: the reader may do what is to be done by hand. */
type Known = { pins: Pin[]; proposed: Proposed | undefined; mayBuild: boolean }

const below = ({ mayBuild }: Known): string => `below is ${mayBuild ? 'how' : 'who can'}`

/** What another tag's recipe moves along needs no recipe: what becomes of that tag becomes of it. */
function rebuildOrMove(rebuild: RebuildState, content: NoticeContent, known: Known): string {
  const leader = rebuild.movesWith
  if (leader === undefined) return rebuildStep(rebuild, content, known)
  if (rebuild.state === 'none') return `moves along with ${leader}, as soon as that is built again; ${below(known)}`
  return `moves along with ${leader}: ${rebuildStep(rebuild, content, { ...known, proposed: undefined })}`
}

/** Instants in words of the plan, as a mail gives them. */
const withTimes = (words: string): string =>
  words.replace(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z/g, '$1 $2 UTC')

function rebuildStep({ state, waitsFor, because: why }: RebuildState, content: NoticeContent, known: Known): string {
  const because = why === undefined ? undefined : withTimes(why)
  switch (state) {
    case 'none':
      return `no recipe, so it stays outdated until somebody rebuilds and pushes it; ${withoutRecipe(known)}`
    case 'manual':
      return `it is rebuilt only when somebody asks for it${because ? ` (${because})` : ''}; ${below(known)}`
    case 'pinned':
      return pinned(content, known.pins)
    case 'settling':
      return because
        ? `a rebuild is planned: ${because}`
        : 'a rebuild is planned, as soon as the base has stayed put for a while'
    case 'waiting':
      if (because) return `its rebuild waits for others: ${because}`
      return `a rebuild is planned, after ${waitsFor.length > 0 ? list(waitsFor) : 'its bases'}`
    case 'approval':
      return because?.startsWith('its plan ')
        ? `a rebuild is planned, but ${because}`
        : `a rebuild is planned and waits for approval${because ? ` (${because})` : ''}`
    case 'paused':
      return `automatic rebuilds are held at the moment${because ? ` (${because})` : ''}`
    case 'queued':
      return 'a rebuild is queued'
    case 'running':
      return 'a rebuild is running'
    case 'failed':
      return `a rebuild did not help${because ? ` (${because.replace(/^tried again at /, 'it is tried again after ')})` : ''}: somebody has to look at the log`
  }
}

function withoutRecipe({ proposed, mayBuild }: Known): string {
  const told = `below is ${mayBuild ? 'how to' : 'who can'}`
  if (proposed === undefined) return `${told} add a recipe`
  const { source, file, acceptable, doubts } = proposed
  const from = source === null ? 'what it says it was built from' : `${file ?? 'the Dockerfile'} of ${visible(source)}`
  const care = acceptable && doubts === 0 ? '' : `, with ${doubts} thing${doubts === 1 ? '' : 's'} to look at`
  return `a recipe is proposed from ${from}${source === null ? '' : care}; ${told} ${acceptable ? 'take' : 'mend'} it`
}

function pinned({ base, to }: NoticeContent, pins: Pin[]): string {
  const where = pins.map(
    ({ line, file, source }) =>
      `${line === null ? 'a FROM' : `line ${line}`} of ${visible(file)} in ${visible(source)}`,
  )
  const from = where.length === 0 ? 'its FROM names a digest' : `${list(where)} names a digest`
  return `${from}, so a rebuild cannot help: let it name ${base} at ${shortDigest(to)}`
}
