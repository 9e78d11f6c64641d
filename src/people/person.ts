import { z } from 'zod'

/** No control character, no line or paragraph separator: what may stand in a header, a log line or a terminal. */
export const oneLine = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u

/**
 * One address, as HTML's input[type=email] has it: no display name, no list, no quoting, no line break, so that it cannot become a
 * header or a second recipient. A domain without a dot is an address (local mail hosts).
 */
export const EmailAddress = z.string().max(254).regex(z.regexes.html5Email, 'is not one e-mail address')

/** A user's name, as it stands in a path. Single spaces within: Portus has such names. */
export const UserName = z
  .string()
  .min(1)
  .max(255)
  .regex(
    /^[^\s\p{Cc}\p{Cf}\p{Cs}/]+(?: [^\s\p{Cc}\p{Cf}\p{Cs}/]+)*$/u,
    'must not hold slashes, control characters, nor spaces but single ones within',
  )

/** Body of PUT /users/NAME. `email` null: nobody to write to. What is left out stays as it was; of somebody new: enabled, no bot, no admin. */
export const PutUser = z.strictObject({
  email: EmailAddress.nullable(),
  displayName: z.string().max(200).regex(oneLine, 'must be one line').nullable().optional(),
  enabled: z.boolean().optional(),
  bot: z.boolean().optional(),
  admin: z.boolean().optional(),
})
export type PutUser = z.infer<typeof PutUser>

export const MemberRole = z.enum(['viewer', 'contributor', 'owner'])
export type MemberRole = z.infer<typeof MemberRole>

/** Body of PUT /namespaces/NS/members/USER. `email` makes the user where there is none of that name. */
export const PutMember = z.strictObject({ role: MemberRole, email: EmailAddress.optional() })
export type PutMember = z.infer<typeof PutMember>

export const Visibility = z.enum(['private', 'protected', 'public'])
export type Visibility = z.infer<typeof Visibility>

/** Body of PUT /namespaces/NS. */
export const PutNamespace = z.strictObject({ visibility: Visibility.optional() })
export type PutNamespace = z.infer<typeof PutNamespace>
