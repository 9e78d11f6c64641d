import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from './config.ts'
import { readOrMake } from './read-or-make.ts'

export type Secrets = { secretKey: string; adminToken: string; webhookToken: string }

/** `fresh`: what was made just now, to be printed once. */
export type Generated = Secrets & { fresh: { name: string; value: string }[] }

const files = { secretKey: 'secret-key', adminToken: 'admin-token', webhookToken: 'webhook-token' } as const

/**
 * The secrets: as set, else from the data directory (mode 600), else made and kept there. They stay out of the database, so
 * that a copy of it opens nothing.
 */
export function loadSecrets(settings: Settings): Generated {
  const fresh: Generated['fresh'] = []
  const one = (key: keyof Secrets): string => {
    const given = settings[key]
    if (given !== null) return given
    mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 })
    const { value, made } = readOrMake(join(settings.dataDir, files[key]), () => randomBytes(32).toString('base64url'))
    if (made && key !== 'secretKey')
      fresh.push({ name: key === 'adminToken' ? 'DRYDOCK_ADMIN_TOKEN' : 'DRYDOCK_WEBHOOK_TOKEN', value })
    return value
  }
  return { secretKey: one('secretKey'), adminToken: one('adminToken'), webhookToken: one('webhookToken'), fresh }
}
