/** Of jobs that wait behind all others of their worker; the queue's usual one is 0. */
export const behindOthers = 10

/**
 * Of the job that handles an event: what came with a token in its address (`FORMAT?ID`, docs/design/webhooks.md), which many may have read,
 * waits behind what is sure to be a registry's word.
 */
export const priorityOf = (eventId: string): number => (/^[a-z]{1,20}\?/.test(eventId) ? behindOthers : 0)
