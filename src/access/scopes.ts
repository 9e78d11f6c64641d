import type { Principal } from './principal.ts'

/** What a token may be narrowed to, each holding those before it. */
export const levels = ['read', 'build', 'manage', 'admin'] as const
export type Level = (typeof levels)[number]

const pattern = /^(read|build|manage|admin)(?::(\S{1,300}))?$/

/** A scope as written, `build` or `build:NS`; null where it is none. `namespace` null: everywhere. */
export function parseScope(text: string): { level: Level; namespace: string | null } | null {
  const [, level, namespace = null] = pattern.exec(text) ?? []
  return level === undefined ? null : { level: level as Level, namespace }
}

/**
 * Whether a token's scopes leave room for `level` in a namespace (null: everywhere, or of no namespace). No scopes: no limit. What
 * cannot be read as a scope allows nothing.
 */
export function scopesAllow(scopes: readonly string[], level: Level, namespace: string | null): boolean {
  if (scopes.length === 0) return true
  return scopes.some((text) => {
    const scope = parseScope(text)
    if (scope === null || levels.indexOf(scope.level) < levels.indexOf(level)) return false
    return scope.namespace === null || scope.namespace === namespace
  })
}

/** Whether `wanted` go no further than `held`: what a token may give to another. */
export function scopesWithin(wanted: readonly string[], held: readonly string[]): boolean {
  if (held.length === 0) return true
  return (
    wanted.length > 0 &&
    wanted.every((text) => {
      const scope = parseScope(text)
      return scope !== null && scopesAllow(held, scope.level, scope.namespace)
    })
  )
}

/** The namespaces a principal is narrowed to for reading; null: not narrowed. */
export function namespacesOf({ scopes }: Pick<Principal, 'scopes'>): string[] | null {
  const parsed = scopes.map(parseScope)
  if (scopes.length === 0 || parsed.some((scope) => scope !== null && scope.namespace === null)) return null
  return parsed.flatMap((scope) => scope?.namespace ?? [])
}
