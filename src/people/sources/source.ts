/**
 * In: somewhere that knows people: a database, an API, a file. Out: a Snapshot, all that it says, at once.
 * Guarantees: a Snapshot is whole, or there is none (SourceError); nothing in it is taken over unchecked (snapshot-of.ts); nothing there is changed.
 */
import type { MemberRole, Visibility } from '../person.ts'

/** A person, as a source says it. */
export type SaidPerson = {
  name: string
  email: string | null
  displayName: string | null
  enabled: boolean
  bot: boolean
  admin: boolean
}

/** `namespace`: its key. `told`: hears, whatever the role. */
export type SaidMember = { namespace: string; user: string; role: MemberRole; told: boolean }

/** An owner rule; the last that matches counts. `regex`: PostgreSQL's, over the repository's name; `registry`: the configured name. */
export type SaidRule = { registry: string; pattern: string; regex: string; users: string[] }

/**
 * What it speaks of in words that are none, now: of that holds on what it said last. `namespaces`: with all their roles; `visibilities`: of
 * these namespaces that alone; `rules`: all of them, as their order decides. Namespaces by their keys.
 */
export type Faulty = {
  people: string[]
  namespaces: string[]
  visibilities: string[]
  members: { namespace: string; user: string }[]
  rules: boolean
}

/** Each name, key and pair stands once. `notes`: what it cannot know, and what was left out, for who runs it. */
export type Snapshot = {
  people: SaidPerson[]
  namespaces: { key: string; visibility: Visibility | null }[]
  members: SaidMember[]
  rules: SaidRule[]
  notes: string[]
  faulty?: Faulty
  lacking?: Lacking[]
}

/** What such a source cannot be without, and this is: an error, where it had some before. `names`: addresses and admins. */
export type Lacking = { what: 'people' | 'names' | 'namespaces' | 'roles'; code: SourceErrorCode; message: string }

/** Reads everything, or throws a SourceError; asked again it begins anew. */
export type PeopleSource = { name: string; read: (signal: AbortSignal) => Promise<Snapshot> }

/** Milliseconds and bytes that are waited for and taken at most. */
export type Limits = { connectMs: number; idleMs: number; totalMs: number; maxBytes: number }
export const usualLimits: Limits = { connectMs: 10_000, idleMs: 20_000, totalMs: 120_000, maxBytes: 32 * 2 ** 20 }

export type SourceErrorCode =
  | 'unreachable' // no connection, or one that broke; a wrong certificate
  | 'timeout'
  | 'unauthorized' // it does not know the account
  | 'forbidden' // it knows the account, which may not read all there is
  | 'source-failed' // it says itself that it cannot
  | 'nonsense' // what it says is not what such a source says
  | 'too-large'
  | 'no-such-registry' // it speaks of registries none of which is configured
  | 'unreadable' // a file

/** One line, whatever a source put into it: what a database takes, and what breaks no line of a log or terminal. */
export const told = (text: string): string => text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')

/** Why a source could not be read. The message names no secret, and is one line. */
export class SourceError extends Error {
  readonly code: SourceErrorCode
  readonly retryable = true

  constructor(code: SourceErrorCode, message: string, cause?: unknown) {
    super(told(message), cause === undefined ? {} : { cause })
    this.name = 'SourceError'
    this.code = code
  }
}
