import { createHash } from 'node:crypto'
import { outdatedUrl } from '../links.ts'

/** Clair v1's words: https://github.com/quay/clair/blob/v2.1.8/api/v1/models.go */
export type Vulnerability = {
  Name: string
  NamespaceName: string
  Description: string
  Link: string
  Severity: 'Medium' | 'Low'
  FixedBy: string
}
export type Feature = { Name: string; NamespaceName: string; Version: string; Vulnerabilities: Vulnerability[] }

/** `base`, `via`: null where its name may not be told, `via` also where the base is the image's own. Digests as the tag has them. */
export type Outdated = {
  base: string | null
  via: string | null
  from: string | null
  to: string
  role: 'runtime' | 'build' | 'unknown'
  confidence: 'declared' | 'inferred' | 'ambiguous'
}

/** Columns of Portus' `vulnerabilities`: a longer text is an error to a strict MySQL, and the scan fails. */
const widest = 255

/**
 * A base that has moved, as a vulnerability. Pure. Portus keeps vulnerabilities by `Name` alone, for all images, and each scan overwrites
 * the rest (app/models/vulnerability.rb): so all else is a function of the name, which says what the image is based on and nothing of the
 * image; a hash at its end stands for what is cut off. ASCII, since Portus' tables may be latin1; names that differ by capitals alone are one to MySQL, so they end in a hash.
 */
export function findingOf(publicUrl: string, { base, via, from, to, role, confidence }: Outdated): Feature {
  if (base === null) return feature('withheld', unknownVersion, withheld(publicUrl))
  const version = from === null ? unknownVersion : short(from)
  const sort = confidence === 'ambiguous' ? 'Perhaps outdated base' : 'Outdated base'
  const moved = `${sort}: ${base}, ${version} -> ${short(to)}`
  const how = via === null ? (role === 'build' ? ' (in a build stage)' : '') : ` (through ${via})`
  const all = `${moved}${how}`
  const fits = all.length <= room
  const names = `${base} ${via ?? ''}`
  const Name = fits && names === names.toLowerCase() ? all : hashed(fits ? all : moved, all)
  const link = outdatedUrl(publicUrl, { base })
  return feature(cut(base), version, {
    Name,
    NamespaceName: 'drydock',
    Description: cut(`${Name}. What it was built on has moved: the link says what is to be done.`),
    Link: link.length <= widest ? link : outdatedUrl(publicUrl),
    Severity: confidence === 'ambiguous' ? 'Low' : 'Medium',
    FixedBy: short(to),
  })
}

/** Portus writes a few rows for each finding and tag, and shows them in one table: of more, the certain ones come first. */
export const mostFindings = 100

/** Each finding once; of more than `mostFindings` the last says that there are further ones, and where. Pure. */
export function featuresOf(publicUrl: string, all: readonly Outdated[]): Feature[] {
  const found = [...new Map(all.map((one) => findingOf(publicUrl, one)).map((one) => [nameOf(one), one])).values()]
  if (found.length <= mostFindings) return found
  const [low, medium] = [found.filter(isLow), found.filter((one) => !isLow(one))]
  return [
    ...[...medium, ...low].slice(0, mostFindings - 1),
    feature('further bases', unknownVersion, further(publicUrl)),
  ]
}

const nameOf = ({ Vulnerabilities }: Feature): string => Vulnerabilities[0]!.Name
const isLow = ({ Vulnerabilities }: Feature): boolean => Vulnerabilities[0]!.Severity === 'Low'

/** One for all whose names are withheld: nothing tells them apart. */
const withheld = (publicUrl: string): Vulnerability => ({
  Name: 'Outdated base (withheld)',
  NamespaceName: 'drydock',
  Description: 'What this image is based on has moved. Who may read the base sees in Drydock which one it is.',
  Link: cut(outdatedUrl(publicUrl)),
  Severity: 'Medium',
  FixedBy: 'a newer build of the base',
})

/** One for all that have no room. */
const further = (publicUrl: string): Vulnerability => ({
  Name: 'Outdated bases (further ones)',
  NamespaceName: 'drydock',
  Description: 'More that this image is based on has moved than is listed here. Drydock has all of it.',
  Link: cut(outdatedUrl(publicUrl)),
  Severity: 'Medium',
  FixedBy: 'newer builds of the bases',
})

const unknownVersion = 'an earlier digest'
const feature = (Name: string, Version: string, vulnerability: Vulnerability): Feature => ({
  ...{ Name, NamespaceName: 'drydock', Version },
  Vulnerabilities: [vulnerability],
})

const hashLength = 12
const room = widest - hashLength - 3
const cut = (text: string): string => text.slice(0, widest)
const hashed = (text: string, all: string): string =>
  `${text.slice(0, room)} [${createHash('sha256').update(all).digest('hex').slice(0, hashLength)}]`

/** "sha256:" and twelve hex digits. */
const short = (digest: string): string => digest.slice(0, digest.indexOf(':') + 13)
