import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from './config.ts'

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
    const file = join(settings.dataDir, files[key])
    if (!existsSync(file)) {
      mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 })
      writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
      if (key !== 'secretKey')
        fresh.push({
          name: key === 'adminToken' ? 'DRYDOCK_ADMIN_TOKEN' : 'DRYDOCK_WEBHOOK_TOKEN',
          value: readFileSync(file, 'utf8'),
        })
    }
    return readFileSync(file, 'utf8').trim()
  }
  return { secretKey: one('secretKey'), adminToken: one('adminToken'), webhookToken: one('webhookToken'), fresh }
}
