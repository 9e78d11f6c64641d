import { z } from 'zod'
import { type Digest, isDigest } from '../oci/digest.ts'
import { normalisePlatform, type Platform, parsePlatform } from '../oci/platform.ts'
import { contentName } from '../oci/reference.ts'
import { BuildError } from './build-error.ts'
import type { PlatformObject } from './published-manifest.ts'
import { type Opened, type Place, readLayered } from './read-layered.ts'

/** One platform of what is rebased. `named` is how its index names it, null where it stands alone. */
export type ChildPart = { opened: Opened; platform: Platform; named: PlatformObject | null }

/** What stands under the tag. `annotations`: of the index, null where it is a single manifest. `dropped`: entries that speak of the old content. */
export type Child = { head: Digest; parts: ChildPart[]; annotations: Record<string, string> | null; dropped: number }

const PlatformFields = z.looseObject({ os: z.string(), architecture: z.string(), variant: z.string().optional() })
const Index = z.looseObject({
  manifests: z.array(
    z.looseObject({
      digest: z.custom<Digest>(isDigest),
      platform: PlatformFields.nullish(),
      annotations: z.record(z.string(), z.string()).nullish(),
    }),
  ),
  annotations: z.record(z.string(), z.string()).nullish(),
})
type Entry = z.infer<typeof Index>['manifests'][number]

const isAttestation = ({ platform, annotations }: Entry): boolean =>
  platform?.os === 'unknown' || annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'

/**
 * Opens a tag: all its platforms, or exactly those that are `asked` for. Attestations are left out. Errors: `tag-absent`,
 * `platform-absent`, `config-unreadable`.
 */
export async function readChild(
  place: Place & { tag: string },
  asked: readonly string[],
  signal: AbortSignal,
): Promise<Child> {
  const { client, repository, tag } = place
  const found = await client.getManifest(repository, tag, { signal })
  if (!found) throw new BuildError('tag-absent', `${contentName(place, tag)} does not exist`)
  const index = Index.safeParse(JSON.parse(found.bytes.toString('utf8')))
  const open = (digest: Digest) => readLayered(place, digest, { wanted: null, absent: 'tag-absent', signal })
  if (!index.success) {
    const opened = await open(found.digest)
    const parts = chosen([partOf(opened, null)], asked)
    return { head: found.digest, parts, annotations: null, dropped: 0 }
  }
  const entries = index.data.manifests.filter((entry) => !isAttestation(entry))
  const parts = await Promise.all(entries.map(async (entry) => partOf(await open(entry.digest), entry)))
  return {
    ...{ head: found.digest, parts: chosen(parts, asked), annotations: index.data.annotations ?? {} },
    dropped: index.data.manifests.length - entries.length,
  }
}

/** An entry without a platform is of the one its config names. */
function partOf(opened: Opened, entry: Entry | null): ChildPart {
  const platform = (entry?.platform && normalisePlatform(entry.platform)) || opened.platform
  if (!platform) throw new BuildError('config-unreadable', `${opened.head} names no platform`)
  const { os, architecture, variant } = opened.config as { os: string; architecture: string; variant?: string }
  const told = entry?.platform ?? { os, architecture, ...(variant ? { variant } : {}) }
  return { opened, platform, named: entry && (told as PlatformObject) }
}

function chosen(parts: ChildPart[], asked: readonly string[]): ChildPart[] {
  if (asked.length === 0) return parts
  const has = parts.map(({ platform }) => platform).join(', ')
  return asked.map((text) => {
    const platform = parsePlatform(text)
    const part = parts.find((one) => one.platform === platform)
    if (!part) throw new BuildError('platform-absent', `the recipe is for ${text}, the tag is for ${has}`)
    return part
  })
}
