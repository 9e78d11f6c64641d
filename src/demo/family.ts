import { type Content, makeContent } from './make-content.ts'

/** The demo's family: one base, two children, a grandchild. Each child adds one layer to what it is built from. */
export const base = { repository: 'lib/base', tag: '1' }
export const shop = { repository: 'app/shop', tag: '1', from: base }
export const mailer = { repository: 'app/mailer', tag: '1', from: base }
export const shopEu = { repository: 'app/shop-eu', tag: '1', from: shop }
export const descendants = [shop, mailer, shopEu] as const

export type Member = { repository: string; tag: string; from?: Member }

/** The base as its maintainers release it; a later `release` is a later patch level of the same tag. */
export const baseContent = (release: string, now: Date): Content =>
  makeContent(null, [{ command: 'COPY rootfs /', path: 'etc/release', text: `release ${release}\n` }], now)

/** The line of history that is a member's own, and stays its own through every rebuild. */
export const ownCommand = (member: Member): string => `COPY ${member.repository} /srv`

/** A child as its team first built it on `on`. */
export const childContent = (member: Member, on: Content, now: Date): Content =>
  makeContent(
    on,
    [{ command: ownCommand(member), path: `srv/${member.repository}`, text: `${member.repository}\n` }],
    now,
  )
