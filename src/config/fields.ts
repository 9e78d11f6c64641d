import { z } from 'zod'

/** What one setting is made of: text in, value out; a message says what is wanted, and follows the variable's name. */
export const text = z.string()

/** What a header can carry: printable and without blanks. */
export const token = z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without blanks')

export const flag = z
  .enum(['true', 'false', '1', '0'], 'must be true or false')
  .transform((word) => /^(true|1)$/.test(word))

/** Whole numbers in decimal, within limits. */
export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)

/** Seconds: up to about ten years, so that a sum with a date stays a date. */
export const seconds = whole(0, 315_000_000)

/** An address of one of these schemes, as it was written. */
export const address = (...schemes: string[]) =>
  z.string().refine(
    (value) => {
      const url = URL.parse(value)
      return url !== null && schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== ''
    },
    `must be an address that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  )

/** An http address without what does not belong to a place: account, query, fragment; and without a slash at its end. */
export const place = address('http', 'https')
  .refine((value) => {
    const url = URL.parse(value)
    return url === null || `${url.username}${url.password}${url.search}${url.hash}` === ''
  }, 'must have no account, query or fragment')
  .transform((value) => value.replace(/\/+$/, ''))

/** Comma-separated words, each out of these, at least one. */
export const words = <const Word extends string>(...known: Word[]) =>
  z
    .string()
    .transform((value) => [...new Set(value.split(',').map((word) => word.trim()))])
    .pipe(z.array(z.enum(known, `must be a comma-separated list out of ${known.join(', ')}`)))
