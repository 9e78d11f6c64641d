/** `channel-forbidden`: an address Drydock does not send to. `channel-invalid`: settings of a channel that cannot be. */
export class ChannelError extends Error {
  override name = 'ChannelError'
  readonly code: 'channel-forbidden' | 'channel-invalid'
  readonly retryable = false
  /** the setting at fault */
  readonly field: string

  constructor(code: 'channel-forbidden' | 'channel-invalid', message: string, field = 'url') {
    super(message)
    this.code = code
    this.field = field
  }
}
