import type { Deps } from '../../deps.ts'
import type { RemoteBuild } from './remote-build.ts'

type Row = Pick<RemoteBuild, 'id' | 'ref' | 'state' | 'builder' | 'commit' | 'digest' | 'previous'> & {
  key: string
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  steps: string
  bases: string
  error: string | null
  host: string | null
}
type StoredStep = Omit<RemoteBuild['steps'][number], 'error'> & {
  error: (Omit<NonNullable<RemoteBuild['error']>, 'retryable'> & { retryable?: boolean }) | null
  content?: RemoteBuild['content']
  earlier?: true
}

/** `own`: there is such a build, and it is a tracker's, that works on this very database. */
export type Found = { build: RemoteBuild; key: string } | 'own' | null

/** A build of the build service by its id (a UUID). */
export async function serviceBuild(d: Pick<Deps, 'sql'>, id: string): Promise<Found> {
  const [row] = await d.sql<(Row & { sent: boolean })[]>`
    select id, ref, state, builder, key, created_at, started_at, finished_at, steps::text as steps, commit, digest, previous,
      bases::text as bases, error::text as error, host::text as host, job is not null as sent
    from build where id = ${id}`
  if (!row) return null
  return row.sent ? { build: shown(row), key: row.key } : 'own'
}

function shown({ key: _, ...row }: Row): RemoteBuild {
  const steps = JSON.parse(row.steps) as StoredStep[]
  const own = steps.filter(({ earlier }) => !earlier)
  const content = steps.findLast((step) => step.content !== undefined)?.content ?? null
  const { id, ref, state, builder, commit, digest, previous } = row
  return {
    ...{ id, ref, state, builder, commit, digest, previous, content },
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    // a tracker follows one course: what an attempt before it went through is not of it
    steps: own.map(({ name, startedAt, finishedAt, error }) => ({
      ...{ name, startedAt, finishedAt },
      error: error && failure(error),
    })),
    host: row.host === null ? null : (JSON.parse(row.host) as RemoteBuild['host']),
    bases: (JSON.parse(row.bases) as RemoteBuild['bases']).map(({ name, digest: at, role, pinned }) => ({
      ...{ name, digest: at, role, pinned },
    })),
    error: row.error === null ? null : failure(JSON.parse(row.error) as NonNullable<StoredStep['error']>),
  }
}

const failure = ({ code, message, retryable = false }: NonNullable<StoredStep['error']>) => ({
  code,
  message,
  retryable,
})
