/** Why people could not be changed as asked. Asking again changes nothing. */
export class PeopleError extends Error {
  readonly code: 'no-such-user'
  readonly retryable = false

  constructor(code: 'no-such-user', message: string) {
    super(message)
    this.name = 'PeopleError'
    this.code = code
  }
}
