import { matrix } from './matrix.ts'
import type { Notifier } from './notifier.ts'
import { slack } from './slack.ts'
import { webhook } from './webhook.ts'

/** Every kind of channel. `slack` is Mattermost too. */
export const notifiers = { webhook, slack, matrix } satisfies Record<string, Notifier>

export type ChannelKind = keyof typeof notifiers
export const channelKinds = Object.keys(notifiers) as [ChannelKind, ...ChannelKind[]]
