/** On whose behalf a call is made, and how they showed it. */
export type Principal = {
  /** of the person; "admin" for the bootstrap token, "" for nobody */
  name: string
  /** "bootstrap", "token:ID", "session", "portus", "builder", "nobody" */
  via: string
  /** of the whole installation; narrowed by `scopes` all the same */
  admin: boolean
  /** empty: all that they may (src/access/scopes.ts) */
  scopes: readonly string[]
}

/** Whoever has DRYDOCK_ADMIN_TOKEN. */
export const bootstrap: Principal = Object.freeze({ name: 'admin', via: 'bootstrap', admin: true, scopes: [] })

/** A tracker with DRYDOCK_BUILDER_TOKEN, below /builder/v1. */
export const tracker: Principal = Object.freeze({ name: 'tracker', via: 'builder', admin: true, scopes: [] })

/** Who shows nothing: passes what is `open` alone, and reads what is public. */
export const nobody: Principal = Object.freeze({ name: '', via: 'nobody', admin: false, scopes: [] })

/** A person as they would be without a token's limits: for what is written to them. */
export const personCalled = (name: string, admin = false): Principal => ({ name, via: 'mail', admin, scopes: [] })

/** The id of the API token that was shown; null where it was something else. */
export const tokenIdOf = ({ via }: Pick<Principal, 'via'>): string | null =>
  via.startsWith('token:') ? via.slice('token:'.length) : null
