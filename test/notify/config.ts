import { makeVault } from '../../src/build/vault.ts'
import { type Config, loadSettings } from '../../src/config.ts'

const environment = {
  DRYDOCK_CONFIG: 'drydock.yaml',
  DRYDOCK_PUBLIC_URL: 'http://drydock.test:8080',
  MAIL_FROM: 'Drydock <drydock@example.org>',
  SMTP_URL: 'smtp://127.0.0.1:1',
}
const generated = { secretKey: 's', adminToken: 'a', webhookToken: 'w', builder: 'rebase' } as const

/** The settings of a service for these registries (one, r.test, unless said), some of them replaced. */
export function configFor(registries: string[] = ['r.test'], more: Partial<Config> = {}): Config {
  const file = JSON.stringify({ registries: registries.map((name) => ({ name, url: `https://${name}` })) })
  return { ...loadSettings(environment, () => file, 0), ...generated, ...more }
}

/** Of the tests' own secret key: one derivation a file. */
export const vault = makeVault(generated.secretKey)
