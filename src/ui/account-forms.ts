import type { NewToken } from '../access/api-tokens.ts'
import { parseScope } from '../access/scopes.ts'
import { NotifySettings } from '../notify/notify-settings.ts'
import { field } from './visitor.ts'

const day = 86_400_000

/** The token that a form asks for, for this person. */
export function readToken(form: URLSearchParams, user: string, now: Date): NewToken | { fault: string } {
  const name = field(form, 'name')
  if (name === '' || name.length > 100) return { fault: 'Say what the token is for, in at most 100 characters.' }
  const [level, namespace] = [field(form, 'level'), field(form, 'namespace')]
  if (level === '' && namespace !== '') return { fault: 'A token for one namespace needs to say what it may do there.' }
  const scope = namespace === '' ? level : `${level}:${namespace}`
  if (level !== '' && parseScope(scope) === null) return { fault: 'There is no such scope.' }
  const days = field(form, 'days')
  if (days !== '' && !/^[1-9]\d{0,4}$/.test(days)) return { fault: 'The days must be a whole number, or left empty.' }
  const expiresAt = days === '' ? null : new Date(now.getTime() + Number(days) * day)
  return { user, name, scopes: level === '' ? [] : [scope], expiresAt }
}

/** How a person wants to be written to, as the form has it; namespaces it does not show stay as they were. */
export function readSettings(
  form: URLSearchParams,
  before: NotifySettings,
): { settings: NotifySettings } | { fault: string } {
  const shown = [...form].flatMap(([name, value]) => (name.startsWith('ns:') ? [[name.slice(3), value] as const] : []))
  const others = Object.entries(before.namespaces).filter(([key]) => !shown.some(([one]) => one === key))
  const parsed = NotifySettings.safeParse({
    every: field(form, 'every'),
    timeZone: field(form, 'timeZone'),
    hour: Number(field(form, 'hour') || Number.NaN),
    ...{ rebuilt: form.has('rebuilt'), failed: form.has('failed'), still: form.has('still') },
    namespaces: Object.fromEntries([...others, ...shown.filter(([, value]) => value !== '')]),
  })
  if (parsed.success) return { settings: parsed.data }
  const [issue] = parsed.error.issues
  return { fault: `Not saved: ${issue?.path.join(' ') ?? ''} ${issue?.message ?? ''}`.trim() }
}
