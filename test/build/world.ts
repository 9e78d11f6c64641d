import { makeVault } from '../../src/build/vault.ts'
import { defaultBuildSettings } from '../../src/build-settings.ts'
import type { Config } from '../../src/config.ts'
import { type Content, makeContent, type Step, sha256 } from '../../src/demo/make-content.ts'
import type { Deps } from '../../src/deps.ts'
import { look } from '../../src/ingest/look.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { makeRegistries, type RegistryClient } from '../../src/registry/registries.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { testDeps } from '../support/deps.ts'
import type { TestDatabase } from '../support/postgres.ts'

export const secretKey = 'the secret key of a test installation'

/** All that a build needs, real: the database of the test, one registry, our own queue. */
export function buildDeps(pg: TestDatabase, registry: { url: string; host: string }, more: Partial<Config> = {}): Deps {
  const registries = [
    {
      name: registry.host,
      url: registry.url,
      username: null,
      password: null,
      caFile: null,
      insecure: false,
      webhookToken: null,
    },
  ]
  const usual = { secretKey, gitProtocols: ['http'], builder: 'docker', settle: 0, ...defaultBuildSettings() }
  const config = { registries, ...usual, ...more } as unknown as Config
  const base = testDeps(pg)
  return {
    ...base,
    config,
    registries: makeRegistries(registries, base.log),
    vault: makeVault(secretKey),
    mailer: null,
  }
}

/** Pushes content made without a builder, and gives its manifest's digest. */
export async function pushContent(
  client: RegistryClient,
  repository: string,
  tag: string,
  content: Content,
): Promise<Digest> {
  for (const blob of [content.config, ...content.layers]) await client.uploadBlob(repository, sha256(blob), blob)
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  await client.putManifest(repository, tag, { bytes: content.manifest, mediaType })
  return content.digest
}

let made = 0

/** Content with one more layer on `on` (null = scratch), never the same twice. */
export function freshContent(on: Content | null, name: string): Content {
  const step: Step = { command: `RUN make ${name}`, path: name, text: `${name} ${made++}` }
  return makeContent(on, [step], new Date())
}

/** Looks at tags and judges them, as the pipeline does after a push. */
export async function learnTags(d: Deps, refs: readonly string[]): Promise<void> {
  for (const ref of refs) await look(d, ref)
  await refresh(d)
}
