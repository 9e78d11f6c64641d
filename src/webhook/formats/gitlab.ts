import { parseEnvelope, type Verdict } from '../envelope.ts'
import type { WebhookFormat } from './format.ts'

/**
 * GitLab's registry is a descendant of Distribution and sends Distribution's envelope, with the header that gitlab.rb gives it; beyond
 * that it tells of repositories that are renamed. GitLab itself has no webhook of container images.
 * https://docs.gitlab.com/administration/packages/container_registry/#configure-container-registry-notifications
 */
export const gitlab: WebhookFormat = {
  vendor: 'GitLab',
  proof: 'token',
  carriers: ['bearer', 'plain', 'x-gitlab-token'],
  read({ body }) {
    const verdicts = parseEnvelope(body)
    return verdicts && { verdicts: verdicts.map(renamed) }
  },
}

const renamed = (verdict: Verdict): Verdict =>
  verdict.kind === 'ignored' && verdict.event.action === 'rename'
    ? { ...verdict, reason: 'repository-change' }
    : verdict
