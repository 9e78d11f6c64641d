/** Why people could not be changed as asked. Asking again changes nothing. */
export class PeopleError extends Error {
  readonly code: 'no-such-user' | 'managed-elsewhere'
  readonly retryable = false

  constructor(code: PeopleError['code'], message: string) {
    super(message)
    this.name = 'PeopleError'
    this.code = code
  }
}
