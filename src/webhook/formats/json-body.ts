import { parseJson } from '../../oci/manifest.ts'
import type { Delivery } from './format.ts'

/**
 * The JSON of a body, whatever its media type says: as it stands, or within a form: in the field `payload`, or as all there is.
 * Undefined: there is none.
 */
export function jsonBody({ body, headers }: Pick<Delivery, 'body' | 'headers'>): unknown {
  const whole = parseJson(body)
  if (whole !== undefined || !/^application\/x-www-form-urlencoded\b/i.test(textOf(headers['content-type'])))
    return whole
  const form = new URLSearchParams(body.toString('utf8'))
  const [first] = form
  return parseJson(Buffer.from(form.get('payload') ?? first?.join('') ?? ''))
}

const textOf = (value: string | string[] | undefined): string => (typeof value === 'string' ? value : '')
