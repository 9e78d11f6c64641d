/**
 * The name of a new machine: ours by its beginning, never used twice. 31 characters, a-z, 0-9 and "-", which is within what clouds take
 * as a host's name (https://www.rfc-editor.org/rfc/rfc1035#section-2.3.1). `installation`: 6 hexadecimal digits.
 */
export const machineName = (installation: string, random: Uint8Array): string =>
  `${prefixOf(installation)}${Buffer.from(random).toString('hex').slice(0, 16)}`

/** Whether this installation made it. Of others' machines, and of people's own, we touch none. */
export const isOurs = (installation: string, name: string): boolean =>
  name.startsWith(prefixOf(installation)) && /^[0-9a-f]{16}$/.test(name.slice(prefixOf(installation).length))

const prefixOf = (installation: string): string => `drydock-${installation}-`
