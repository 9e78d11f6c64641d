import semver from 'semver'

/**
 * What a tag's name says of versions. `family` is all of the name but the numbers and the pre-release: only tags of one family are
 * compared. `numbers` as they stand, the first counting most. `pre`: SemVer's pre-release identifiers (semver.org, 9), null = a
 * release. calendar: dotted, and begins with a year; date: 20240127, 2024-01-27, with or without a time.
 */
export type TagShape = {
  kind: 'version' | 'calendar' | 'date'
  family: string
  /** a regular expression (PostgreSQL's and ours): every name that is newer matches it, and few others do */
  pattern: string
  numbers: readonly bigint[]
  pre: string | null
}

const day = '(?:19|20)\\d\\d(?<dash>-?)(?:0[1-9]|1[0-2])\\k<dash>(?:0[1-9]|[12]\\d|3[01])'
const date = `(?<core>${day}(?:T?\\d{4}(?:\\d\\d)?Z?)?(?:\\.\\d+)*)(?<rest>(?:[-_].*)?)$`
const version = '(?<prefix>(?:.*?[-_])??v?)(?<core>\\d+(?:\\.\\d+)+(?:_\\d+)?)(?<rest>(?:[^\\d].*)?)$'
const dateAtStart = new RegExp(`^(?<prefix>)${date}`)
const dateWithin = new RegExp(`^(?<prefix>.*?[-_])${date}`)
const versionAtStart = new RegExp(`^${version.replace('(?:.*?[-_])??', '')}`)
const versionWithin = new RegExp(`^${version}`)
const numberAtStart = /^v?\d/

/** `-rc1`, `rc.2`, `-beta`; `dev`, `nightly` and the like only with a number: without one they are variants (`3.12-dev`). */
const preRelease = [
  /^[-_.]?(?<word>alpha|beta|preview|pre|rc|cr|snapshot)(?:[-_.]?(?<n>\d+(?:\.\d+)*))?(?=$|[-_.])/i,
  /^[-_.]?(?<word>dev|nightly|canary|ea|milestone)[-_.]?(?<n>\d+(?:\.\d+)*)(?=$|[-_.])/i,
  /^(?<word>a|b)(?<n>\d+)(?=$|[-_.])/i,
  /^[-_.]?(?<word>M)(?<n>\d+)(?=$|[-_.])/,
]
const sameWord: Record<string, string> = { a: 'alpha', b: 'beta', cr: 'rc', m: 'milestone' }

/**
 * The shape of a version's or a date's name; null for what floats: no digits (`latest`, `bookworm`) or one number alone (`3`,
 * `22-slim`). A version at the front comes first (`1.2.3-20240110` is one, with a suffix), then a date, then a version further in.
 */
export function tagShape(name: string): TagShape | null {
  const dated = dateAtStart.exec(name) ?? (versionAtStart.test(name) ? null : dateWithin.exec(name))
  if (dated?.groups) {
    const { prefix = '', core = '', rest = '' } = dated.groups
    // The number of digits tells a day from a minute.
    const template = core.replace(/\d+/g, (run, at: number) => `N${at === 0 || core[at - 1] === 'T' ? run.length : ''}`)
    return shaped('date', { prefix, template, suffix: rest }, numbersOf(core), null)
  }
  const versioned = versionAtStart.exec(name) ?? (numberAtStart.test(name) ? null : versionWithin.exec(name))
  if (!versioned?.groups) return null
  const { prefix = '', core = '', rest = '' } = versioned.groups
  const kind = /^(?:19|20)\d\d\./.test(core) ? 'calendar' : 'version'
  const { pre, suffix } = splitPreRelease(rest)
  return shaped(kind, { prefix, template: core.replace(/\d+/g, 'N'), suffix }, numbersOf(core), pre)
}

const shaped = (
  kind: TagShape['kind'],
  { prefix, template, suffix }: { prefix: string; template: string; suffix: string },
  numbers: bigint[],
  pre: string | null,
): TagShape => {
  const core = escaped(template).replace(/N\d*/g, '\\d+')
  const pattern = `^${escaped(prefix)}${core}${pre === null ? '' : '.*'}${escaped(suffix)}$`
  return { kind, family: JSON.stringify([kind, prefix, template, suffix]), pattern, numbers, pre }
}

/** A tag's name has no other sign that means something in an expression. */
const escaped = (text: string): string => text.replaceAll('.', '\\.')

const numbersOf = (core: string): bigint[] => (core.match(/\d+/g) ?? []).map(BigInt)

function splitPreRelease(rest: string): { pre: string | null; suffix: string } {
  for (const pattern of preRelease) {
    const found = pattern.exec(rest)
    if (!found?.groups?.word) continue
    const word = found.groups.word.toLowerCase()
    const numbers = numbersOf(found.groups.n ?? '')
    return { pre: [sameWord[word] ?? word, ...numbers].join('.'), suffix: rest.slice(found[0].length) }
  }
  return { pre: null, suffix: rest }
}

/** Which of two of one family is the later: above 0 where `a` is. Numbers first; then a release is later than what leads to it. */
export const compareShapes = (a: TagShape, b: TagShape): number => compareNumbers(a, b) || comparePre(a.pre, b.pre)

function compareNumbers(a: TagShape, b: TagShape): number {
  const at = a.numbers.findIndex((number, i) => number !== b.numbers[i])
  if (at === -1) return 0
  return a.numbers[at]! > b.numbers[at]! ? 1 : -1
}

const comparePre = (a: string | null, b: string | null): number =>
  a === null || b === null ? Number(a === null) - Number(b === null) : semver.compare(`0.0.0-${a}`, `0.0.0-${b}`)

/** `other` is a newer tag for who uses `own`: later, of one family, and a pre-release only for a pre-release of the same version. */
export function isNewer(own: TagShape, other: TagShape): boolean {
  if (own.family !== other.family || compareShapes(other, own) <= 0) return false
  return other.pre === null || (own.pre !== null && compareNumbers(own, other) === 0)
}

/** Dates and calendar versions have no major version that one would stay on: all of them have one. */
export const majorOf = ({ kind, numbers }: TagShape): bigint => (kind === 'version' ? (numbers[0] ?? 0n) : 0n)
