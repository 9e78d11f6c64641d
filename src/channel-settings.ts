import { z } from 'zod'

/**
 * `channels` of DRYDOCK_CONFIG. `allow`: globs of hosts (or host:port) that channels may send to though they are inside, and without
 * https. Whoever owns a namespace can then send there.
 */
export const Channels = z.strictObject({
  allow: z
    .array(
      z.string().regex(/^[A-Za-z0-9.*?:_-]{1,255}$/, 'must be a host, or a pattern of hosts, such as *.chat.internal'),
    )
    .default([]),
})
export type Channels = z.infer<typeof Channels>

/** What holds where the file says nothing. */
export const defaultChannels = (): Channels => Channels.parse({})
