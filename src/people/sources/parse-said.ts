import type { z } from 'zod'
import { SourceError } from './source.ts'

/** What a source said, by the schema of such a source; `nonsense` with the first place where it is otherwise. */
export function parseSaid<T extends z.ZodType>(schema: T, said: unknown, what: string): z.infer<T> {
  const parsed = schema.safeParse(said)
  if (parsed.success) return parsed.data
  const [first] = parsed.error.issues
  throw new SourceError('nonsense', `${what}: ${[...(first?.path ?? []), first?.message ?? 'is wrong'].join(': ')}`)
}
