/**
 * What each call needs, written by hand from what Drydock promises, and by no means from its code: "reading a private namespace needs
 * membership, building and recipes need contributor, members and credentials owner, the rest admin"; lists show what one may read; what is
 * about oneself is one's own. `test/api/access-walk.test.ts` holds every call to it.
 */
export type Need =
  | 'anybody' // without a token too, of what is public
  | 'theirs' // any person: of what they may read
  | 'own' // any person: of themselves
  | 'member' // reads the namespace
  | 'contributor'
  | 'contributor who may manage' // what is built, and not only that it is: a token that starts builds is not enough
  | 'owner'
  | 'admin'

const byNeed: Record<Need, string> = {
  anybody: 'GET badge/{ref}.svg',
  theirs: `
    GET outdated, GET newer, GET tags, GET policies, GET snoozes, GET pauses, GET repositories, GET namespaces, GET recipes, GET builds, GET plans, GET audit`,
  own: `
    GET tokens, POST tokens, DELETE tokens/{id}, GET me, PUT me/password, GET mails, GET mails/{id}, GET me/notifications,
    PUT me/notifications`,
  member: `
    GET tags/{ref}, GET tags/{ref}/history, GET tags/{ref}/lineage, GET tags/{ref}/descendants, GET tags/{ref}/why, GET tags/{ref}/plan,
    GET policies/{scope}, GET namespaces/{ns}, GET builds/{id}, GET plans/{id}, GET plans/{id}/nodes`,
  contributor: `
    POST tags/{ref}/restore, POST snoozes, DELETE snoozes/{id}, POST builds, POST builds/{id}/cancel, POST plans/{id}/approve,
    POST plans/{id}/cancel, GET builds/{id}/logs`,
  'contributor who may manage': `
    GET recipes/{ref}, PUT recipes/{ref}, DELETE recipes/{ref}, GET recipes/{ref}/proposal, GET recipes/{ref}/reading`,
  owner: `
    PUT policies/{scope}, DELETE policies/{scope}, PUT pauses/{scope}, DELETE pauses/{scope}, PUT namespaces/{ns},
    GET namespaces/{ns}/members, PUT namespaces/{ns}/members/{user}, DELETE namespaces/{ns}/members/{user},
    GET namespaces/{ns}/credentials, PUT namespaces/{ns}/credentials/{name}, DELETE namespaces/{ns}/credentials/{name},
    GET namespaces/{ns}/git-hook, PUT namespaces/{ns}/git-hook, DELETE namespaces/{ns}/git-hook,
    GET namespaces/{ns}/channels, GET namespaces/{ns}/channels/{name}, PUT namespaces/{ns}/channels/{name},
    DELETE namespaces/{ns}/channels/{name}, POST namespaces/{ns}/channels/{name}/test, GET namespaces/{ns}/channels/{name}/deliveries,
    GET deliveries/{id}, POST deliveries/{id}/replay`,
  admin: `
    GET users, PUT users/{name}, DELETE users/{name}, PUT users/{name}/password, DELETE users/{name}/password,
    GET users/{name}/identities, DELETE users/{name}/identities,
    GET users/{name}/notifications, PUT users/{name}/notifications, GET people-sources, POST people-sources/{name}/sync,
    GET events, POST events/{id}/replay, GET address-faults, PUT address-faults/{address}, DELETE address-faults/{address},
    POST bounces, POST mails/{id}/send, POST reconcile, GET registries, GET watches, GET machines`,
}

/** By method and path below /api/v1, as the OpenAPI document writes it. */
export const needs: ReadonlyMap<string, Need> = new Map(
  Object.entries(byNeed).flatMap(([need, calls]) =>
    calls.split(',').map((call) => [call.trim(), need as Need] as const),
  ),
)

/** How far a token with scopes must go for what changes something: 0 read, 1 build, 2 manage, 3 admin. Whatever is read takes 0. */
export const levelFor: Readonly<Record<Need, 0 | 1 | 2 | 3>> = {
  ...{ anybody: 0, theirs: 0, own: 2, member: 0, contributor: 1 },
  ...{ 'contributor who may manage': 2, owner: 2, admin: 3 },
}

/** The roles that are enough. */
export const rolesFor: Readonly<Record<Need, readonly string[]>> = {
  ...{ anybody: [], theirs: [], own: [], admin: [] },
  member: ['viewer', 'contributor', 'owner'],
  contributor: ['contributor', 'owner'],
  'contributor who may manage': ['contributor', 'owner'],
  owner: ['owner'],
}

/** What the OpenAPI document has besides: asked by machines, with tokens of their own or none. Whoever adds one says so here. */
export const besides = [
  ...['/api/v1/openapi.json', '/healthz', '/readyz', '/metrics'],
  ...['/v2/webhooks/events', '/v2/webhooks/events/{format}', '/v2/webhooks/git/{ns}'],
  ...[
    '/builder/v1/builds',
    '/builder/v1/builds/{id}',
    '/builder/v1/builds/{id}/logs',
    '/builder/v1/builds/{id}/cancel',
  ],
]
