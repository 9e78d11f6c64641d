/**
 * How far a `create` came. untouched: the cloud was not asked. asked: the cloud makes the machine, and only the command knows its name
 * there. noted: that name is in the command's files, so that `rm` works. failed: the driver said so, after it took back what it had made.
 * lost: the machine was made, and its name could not be written down.
 */
export type CreationStage = 'untouched' | 'asked' | 'noted' | 'failed' | 'lost'

/**
 * By what it printed: `performCreate` of libmachine/libmachine.go, whose words are the same in all forks, saves before and after the driver's
 * Create, and in no between. Lines of drivers begin with the machine's name in brackets, and are not meant.
 */
export function creationStage(printed: string): CreationStage {
  if (/^(Waiting for machine to be running|To see how to connect)/im.test(printed)) return 'noted'
  if (/Error saving host to store after attempting creation/i.test(printed)) return 'lost'
  if (/Error in driver during machine creation/i.test(printed)) return 'failed'
  return /^Creating machine\.\.\./m.test(printed) ? 'asked' : 'untouched'
}
