import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { type Fate, type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'

/** A registry that can be made to fail (`proxy.fate`), with lib/base:1 in it, and recipes of app/* on it. */
export type PushEstate = DockerEstate & { registry: TestRegistry; proxy: RegistryProxy }

export async function pushEstate(): Promise<PushEstate> {
  const registry = await startDebianRegistry()
  const proxy = await registryProxy(registry.port)
  const estate = await dockerEstate(proxy)
  const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
  await putCredential(estate.d, 'app', 'ci', CredentialInput.parse(login))
  await estate.pushBase('lib/base:1', 'one')
  const close = async () => {
    await estate.close()
    await proxy.close()
    await registry.close()
  }
  return { ...estate, registry, proxy, close }
}

/** The row of a build. */
export const row = (estate: DockerEstate, id: string) => estate.d.db.build.findUniqueOrThrow({ where: { id } })
/** The row of the tag REPOSITORY:TAG. */
export const tagRow = (estate: DockerEstate, name: string) =>
  estate.d.db.tag.findUniqueOrThrow({ where: { ref: estate.ref(name) } })
/** Where a tag is in the registry; null: nowhere. */
export const head = async ({ registry }: PushEstate, repository: string, name: string) =>
  (await registry.client.headManifest(repository, name))?.digest ?? null
/** What makes an image unlike others: `what` is in it. */
export const files = (estate: DockerEstate, what: string) => ({
  Dockerfile: `FROM ${estate.ref('lib/base:1')}\nRUN echo ${what} > /what\n`,
})
export const answer = (status: number, body: object | string, headers = {}): Fate => ({
  ...{ status, headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
/** An error as registries tell it. https://github.com/opencontainers/distribution-spec (Error Codes) */
export const told = (code: string, message: string) => ({ errors: [{ code, message, detail: [{ Action: 'push' }] }] })
