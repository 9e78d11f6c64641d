import { z } from 'zod'
import type { HistoryEntry } from './chain-id.ts'
import { type Digest, isDigest } from './digest.ts'
import { type Instant, parseInstant } from './instant.ts'
import { parseJson } from './manifest.ts'
import { normalisePlatform, type Platform } from './platform.ts'
import type { RunConfig } from './run-config.ts'

/** What an image config says, as far as lineage needs it. `history` null: it has none, or one we cannot read. */
export type ImageConfig = {
  platform: Platform | null
  created: Instant | null
  diffIds: Digest[]
  history: HistoryEntry[] | null
  run: RunConfig
  labels: Record<string, string>
}

const text = z.string().nullish().catch(null)
const Body = z.object({
  os: text,
  architecture: text,
  variant: text,
  'os.version': text,
  created: z.unknown().optional(),
  rootfs: z.object({ diff_ids: z.array(z.custom<Digest>(isDigest)).nullish() }),
  history: z
    .array(z.object({ created_by: z.string().nullish(), empty_layer: z.boolean().nullish() }))
    .nullish()
    .catch(null),
  config: z.record(z.string(), z.unknown()).nullish().catch(null),
})

/** Reads a config's bytes, or null where they are no image config (no JSON, no `rootfs`, a diffID that is no digest). */
export function parseImageConfig(bytes: Uint8Array): ImageConfig | null {
  const parsed = Body.safeParse(parseJson(bytes))
  if (!parsed.success) return null
  const { os, architecture, variant, rootfs, config } = parsed.data
  const version = parsed.data['os.version'] ?? undefined
  const fields = { os: os ?? undefined, architecture: architecture ?? undefined, variant: variant ?? undefined }
  const labels = Object.entries((config?.Labels ?? {}) as Record<string, unknown>)
  return {
    platform: normalisePlatform({ ...fields, 'os.version': version }),
    created: parseInstant(parsed.data.created),
    diffIds: rootfs.diff_ids ?? [],
    history: parsed.data.history ?? null,
    run: config ?? {},
    labels: Object.fromEntries(labels.filter((e): e is [string, string] => typeof e[1] === 'string')),
  }
}
