/** One generated image with its tag. Ids of running hashes are made up: only their equality matters. */
export type Image = {
  id: number
  repositoryId: number
  tag: string
  ref: string
  at: bigint
  chainIds: string[]
  stepIds: string[]
  solidIds: string[]
  base: { id: number; ref: string } | null
  baseLayers: number
}

/** Tags based, at any depth, on each operating system; one in a hundred of them is a language base in between. */
export const wanted = { hot: 50_000, cold: 100, others: 2_000 }

const host = 'localhost:5000'
const start = 1_700_000_000_000_000_000n
const tagsOfRepository = 50

export const digestOf = (id: number): string => `sha256:${id.toString(16).padStart(64, '0')}`

/** `kind` 1 chain, 2 steps, 3 solid: told apart, and spread as hashes are. */
const hashId = (kind: number, image: number, n: number): string => {
  const spread = (Math.imul(image * 32 + n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')
  const tail = (image * 32 + n).toString(16).padStart(12, '0')
  return `${spread}-${kind.toString(16).padStart(4, '0')}-4000-8000-${tail}`
}

type System = { name: string; descendants: number }

/** How `size` manifests are dealt out. */
export function plan(size: number) {
  const systems: System[] = [
    { name: 'hot', descendants: Math.min(wanted.hot, Math.floor(size / 2)) },
    { name: 'cold', descendants: wanted.cold },
  ]
  let left = size - systems.reduce((sum, s) => sum + s.descendants + 1, 0)
  for (let n = 0; left > 0; n++) {
    const descendants = Math.min(wanted.others, left - 1)
    systems.push({ name: `other${n}`, descendants })
    left -= descendants + 1
  }
  return { size, systems, repositories: () => repositoriesOf(size, systems) }
}

const repositoryOf = (kind: 'os' | 'lang' | 'app', id: number): [number, string] => {
  if (kind === 'os') return [id, `os/s${id}`]
  if (kind === 'lang') return [id, `lang/l${id}`]
  const first = id - (id % tagsOfRepository)
  return [3_000_000 + first, `team${first % 97}/app${first}`]
}

function* repositoriesOf(size: number, systems: System[]): Generator<[number, string]> {
  const seen = new Set<number>()
  for (const { kind, id } of walk({ systems })) {
    const [repositoryId, name] = repositoryOf(kind, id)
    if (id > size || seen.has(repositoryId)) continue
    seen.add(repositoryId)
    yield [repositoryId, name]
  }
}

type Place = { kind: 'os' | 'lang' | 'app'; id: number; system: System; language: number | null; os: number }

function* walk({ systems }: { systems: System[] }): Generator<Place> {
  let id = 0
  for (const system of systems) {
    const os = ++id
    yield { kind: 'os', id: os, system, language: null, os }
    let language = os
    for (let n = 0; n < system.descendants; n++) {
      const kind = n % 100 === 0 ? ('lang' as const) : ('app' as const)
      id++
      if (kind === 'lang') language = id
      yield { kind, id, system, language: kind === 'lang' ? null : language, os }
    }
  }
}

const grown = (base: Image | null, id: number, layers: number, metadata: number) => ({
  chainIds: [...(base?.chainIds ?? []), ...ids(1, id, layers)],
  stepIds: [...(base?.stepIds ?? []), ...ids(2, id, layers + metadata)],
  solidIds: [...(base?.solidIds ?? []), ...ids(3, id, layers)],
})
const ids = (kind: number, image: number, count: number) =>
  Array.from({ length: count }, (_, n) => hashId(kind, image, n))

/** Operating systems have 1 layer, languages 2 more, applications 3 more; metadata steps are as many again and some. */
export function* images(shape: { systems: System[] }): Generator<Image> {
  let os: Image | null = null
  let language: Image | null = null
  for (const place of walk(shape)) {
    const base: Image | null = place.kind === 'os' ? null : place.kind === 'lang' ? os : language
    const [layers, metadata] = place.kind === 'os' ? [1, 2] : place.kind === 'lang' ? [2, 3] : [3, 5]
    const [repositoryId, repository] = repositoryOf(place.kind, place.id)
    const tag = place.kind === 'os' ? place.system.name : `t${place.id}`
    const image: Image = {
      id: place.id,
      repositoryId,
      tag,
      ref: `${host}/${repository}:${tag}`,
      at: start + BigInt(place.id) * 1_000_000_000n,
      ...grown(base, place.id, layers, metadata),
      base: base && { id: base.id, ref: base.ref },
      baseLayers: base?.chainIds.length ?? 0,
    }
    if (place.kind === 'os') os = image
    if (place.kind === 'lang') language = image
    yield image
  }
}

/** The ref of a system by its name. */
export const systemRef = (name: string, shape: { systems: System[] }): { id: number; ref: string } => {
  for (const { kind, id, system } of walk(shape))
    if (kind === 'os' && system.name === name) return { id, ref: `${host}/os/s${id}:${name}` }
  throw new Error(`no system ${name}`)
}
