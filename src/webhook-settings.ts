import { z } from 'zod'
import type { RegistryConfig, WebhookSettings } from './registry/registries.ts'
import type { Read } from './registry-settings.ts'

const line = z.string('must be text').min(1, 'must not be empty')
const isKeysUrl = (text: string): boolean => /^https:\/\/|^http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/]/.test(text)

/** Google's own names and keys: https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions */
const google = z.strictObject({
  serviceAccount: z.email('must be the mail address of a service account'),
  audience: line,
  issuer: line.default('https://accounts.google.com'),
  keysUrl: line
    .refine((text) => URL.canParse(text) && isKeysUrl(text), 'must be an address that starts with https://')
    .default('https://www.googleapis.com/oauth2/v3/certs'),
})

/** `webhook` of a registry in the YAML file: what its webhooks in other formats than Distribution's need. */
export const webhookEntry = z.strictObject({
  urlToken: line.optional(),
  urlTokenFile: line.optional(),
  google: google.optional(),
})

/** The same with its secret read. Faults are told. */
export function webhookSettings(
  { urlTokenFile, ...said }: z.infer<typeof webhookEntry>,
  read: Read,
  fault: (text: string) => void,
): WebhookSettings {
  if (said.urlToken !== undefined && urlTokenFile !== undefined) fault('urlToken and urlTokenFile are both set')
  const urlToken = urlTokenFile === undefined ? said.urlToken : read('urlTokenFile', urlTokenFile)
  if (urlToken !== undefined && !/^[\x21-\x7e]{16,}$/.test(urlToken))
    fault('urlToken: must be at least 16 characters of printable ASCII without blanks')
  return Object.freeze({ ...said, urlToken })
}

/** What stands in an address is read by many, and must open nothing else: faults for secrets of headers that stand there too. */
export function sharedTokens(
  values: Record<string, string | undefined>,
  registries: readonly RegistryConfig[],
): string[] {
  const { DRYDOCK_WEBHOOK_TOKEN: common, DRYDOCK_WEBHOOK_URL_TOKEN: commonUrl, DRYDOCK_ADMIN_TOKEN: admin } = values
  const inHeaders = new Set([common, admin, ...registries.map(({ webhookToken }) => webhookToken ?? undefined)])
  const inUrls = [
    { name: 'DRYDOCK_WEBHOOK_URL_TOKEN', token: commonUrl },
    ...registries.map(({ name, webhook }) => ({
      name: `DRYDOCK_CONFIG: registry ${name}: webhook: urlToken`,
      token: webhook?.urlToken ?? undefined,
    })),
  ]
  return inUrls
    .filter(({ token }) => token !== undefined && inHeaders.has(token))
    .map(({ name }) => `${name}: must be another token than those that go into headers`)
}
