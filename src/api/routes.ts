import type { Route } from './route.ts'
import { auditRoutes } from './routes/audit.ts'
import { badgeRoutes } from './routes/badges.ts'
import { bounceRoutes } from './routes/bounces.ts'
import { buildRoutes } from './routes/builds.ts'
import { channelRoutes } from './routes/channels.ts'
import { credentialRoutes } from './routes/credentials.ts'
import { deliveryRoutes } from './routes/deliveries.ts'
import { eventRoutes } from './routes/events.ts'
import { gitHookRoutes } from './routes/git-hooks.ts'
import { identityRoutes } from './routes/identities.ts'
import { machineRoutes } from './routes/machines.ts'
import { mailRoutes } from './routes/mails.ts'
import { meRoutes } from './routes/me.ts'
import { notificationRoutes } from './routes/notifications.ts'
import { outdatedRoutes } from './routes/outdated.ts'
import { passwordRoutes } from './routes/passwords.ts'
import { pauseRoutes } from './routes/pauses.ts'
import { peopleRoutes } from './routes/people.ts'
import { peopleSourceRoutes } from './routes/people-sources.ts'
import { planRoutes } from './routes/plans.ts'
import { policyRoutes } from './routes/policies.ts'
import { recipeEvidenceRoutes } from './routes/recipe-evidence.ts'
import { recipeRoutes } from './routes/recipes.ts'
import { reconcileRoutes } from './routes/reconcile.ts'
import { registryRoutes } from './routes/registries.ts'
import { repositoryRoutes } from './routes/repositories.ts'
import { restoreRoutes } from './routes/restore.ts'
import { snoozeRoutes } from './routes/snoozes.ts'
import { tagViewRoutes } from './routes/tag-views.ts'
import { tagRoutes } from './routes/tags.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { userRoutes } from './routes/users.ts'
import { watchRoutes } from './routes/watches.ts'

/** Every call of the API, in the order of the document. Longer paths of one prefix need not come first: REF has no slash. */
export const routes: readonly Route[] = [
  ...outdatedRoutes,
  ...tagRoutes,
  ...tagViewRoutes,
  ...badgeRoutes,
  ...restoreRoutes,
  ...policyRoutes,
  ...snoozeRoutes,
  ...pauseRoutes,
  ...repositoryRoutes,
  ...peopleRoutes,
  ...credentialRoutes,
  ...userRoutes,
  ...peopleSourceRoutes,
  ...tokenRoutes,
  ...meRoutes,
  ...passwordRoutes,
  ...identityRoutes,
  ...gitHookRoutes,
  ...channelRoutes,
  ...deliveryRoutes,
  ...recipeRoutes,
  ...recipeEvidenceRoutes,
  ...buildRoutes,
  ...planRoutes,
  ...eventRoutes,
  ...mailRoutes,
  ...notificationRoutes,
  ...bounceRoutes,
  ...reconcileRoutes,
  ...registryRoutes,
  ...watchRoutes,
  ...machineRoutes,
  ...auditRoutes,
]
