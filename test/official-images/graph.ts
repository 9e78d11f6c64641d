import { readFileSync } from 'node:fs'
import { normalisePlatform, parsePlatform } from '../../src/oci/platform.ts'

/** One line of the file: a build for one platform. */
type Row = { source: string; platform: string; tags: string[]; froms: string[]; final: string }

/** What is built for one platform. `froms`: every base but scratch, each once; `final`: the last stage's, null = scratch. */
export type Recipe = { platform: string; osVersion: string | null; froms: string[]; final: string | null }
/** A Dockerfile with its tags, or (`outside`) a base that is only a name in the file. */
export type Source = { id: string; outside: boolean; tags: string[]; recipes: Recipe[] }
/** Tags of one repository that share an index, and the sources it is made of. */
export type Group = { repository: string; tags: string[]; sources: Source[] }
export type Graph = { sources: Source[]; groups: Group[]; groupOf: Map<string, Group>; baseNames: string[] }

const file = new URL('../fixtures/official-images/2024-01-30.jsonl', import.meta.url)

/** Where a name of the file stands in the registry: "repository:tag". */
export const refOf = (name: string): string => {
  const plain = name.replace('mcr.microsoft.com/', '')
  return plain.includes('/') ? plain : `library/${plain}`
}
export const splitRef = (ref: string): [repository: string, tag: string] => {
  const colon = ref.lastIndexOf(':')
  return [ref.slice(0, colon), ref.slice(colon + 1)]
}

/** Reads the file. Every tag and base in the result is a `refOf`. */
export function readGraph(): Graph {
  const rows = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
    .filter((row) => row.source !== undefined)
  const sources = new Map<string, Source>()
  const baseNames = new Set(rows.flatMap((row) => row.froms).filter((name) => name !== 'scratch'))
  const built = new Set(rows.flatMap((row) => row.tags))
  for (const name of baseNames)
    if (!built.has(name)) sources.set(name, { id: name, outside: true, tags: [refOf(name)], recipes: [] })
  for (const row of rows) {
    const source = sources.get(row.source) ?? { id: row.source, outside: false, tags: row.tags.map(refOf), recipes: [] }
    const froms = [...new Set(row.froms)].filter((name) => name !== 'scratch')
    const final = row.final === 'scratch' ? null : refOf(row.final)
    source.recipes.push({ ...platformOf(row), froms: froms.map(refOf), final })
    sources.set(row.source, source)
    for (const name of froms) addPlatform(sources.get(name), row)
  }
  const groups = groupsOf([...sources.values()])
  const groupOf = new Map(groups.flatMap((group) => group.tags.map((tag) => [tag, group])))
  return { sources: [...sources.values()], groups, groupOf, baseNames: [...baseNames].map(refOf) }
}

function addPlatform(base: Source | undefined, row: Row): void {
  const { platform, osVersion } = platformOf(row)
  if (!base?.outside || base.recipes.some((r) => r.platform === platform && r.osVersion === osVersion)) return
  base.recipes.push({ platform, osVersion, froms: [], final: null })
}

/** The file leaves out `os.version`; it is that of the Windows release a build's tags and bases are named after. */
function platformOf({ platform, tags, froms }: Row): Pick<Recipe, 'platform' | 'osVersion'> {
  if (!platform.startsWith('windows/')) return { platform, osVersion: null }
  const release = [...froms, ...tags].map((name) => /1809|ltsc2022/.exec(name)?.[0]).find((found) => found)
  if (!release) throw new Error(`no Windows release in ${tags}`)
  return { platform, osVersion: release === '1809' ? '10.0.17763.5329' : '10.0.20348.2227' }
}

export const fieldsOf = ({ platform, osVersion }: Recipe) => {
  const [os = '', architecture = '', variant] = platform.split('/')
  return { os, architecture, ...(variant ? { variant } : {}), ...(osVersion ? { 'os.version': osVersion } : {}) }
}

/** As Drydock writes a platform. */
export const keyOf = (recipe: Recipe): string => {
  const key = recipe.osVersion ? normalisePlatform(fieldsOf(recipe)) : parsePlatform(recipe.platform)
  if (!key) throw new Error(`no platform: ${recipe.platform}`)
  return key
}

/** Tags that the same sources carry are aliases. A tag of several sources is an index over all of them. */
function groupsOf(sources: Source[]): Group[] {
  const carriers = new Map<string, Source[]>()
  for (const source of sources) for (const tag of source.tags) carriers.set(tag, [...(carriers.get(tag) ?? []), source])
  const groups = new Map<string, Group>()
  for (const [tag, of] of carriers) {
    const [repository] = splitRef(tag)
    const key = [repository, ...of.map((source) => source.id)].join()
    const group = groups.get(key) ?? { repository, tags: [], sources: of }
    group.tags.push(tag)
    groups.set(key, group)
  }
  return [...groups.values()]
}
