import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { inTransaction } from '../ingest/in-transaction.ts'
import { lookAtDeclared } from '../ingest/look-at-declared.ts'
import type { ObservedDeclaration } from '../ingest/observe.ts'
import { markDirty } from '../ingest/save.ts'
import { insertDeclarations } from '../ingest/save-content.ts'
import { canonicalRef, parseReference } from '../oci/reference.ts'
import { BuildError, describeError } from './build-error.ts'
import { checkOutRecipe } from './checkout-recipe.ts'
import { dockerfileText } from './dockerfile-text.ts'
import { namespaceLogins } from './logins.ts'
import { type Mask, makeMask } from './mask.ts'
import { recipeSource, type Subject } from './observe-recipe.ts'
import { queueReading, type Reading } from './queue-readings.ts'
import { readDockerfile } from './read-dockerfile.ts'
import { Recipe } from './recipe.ts'
import { storableJson } from './storable.ts'
import { makeWorkDir } from './work-dir.ts'

type ReadDeps = Pick<Deps, 'sql' | 'db' | 'jobs' | 'config' | 'vault' | 'registries' | 'log' | 'clock'>

/** A recipe beside what stands under its tag. `spec`: its text, by which a change meanwhile is noticed. */
type Wanted = { ref: string; spec: string; reading: Reading | null; head: string }

const patienceMs = 300_000
/** Seconds: the first wait after a failure, and the longest. */
const waits = { first: 30, longest: 3600 }

/**
 * Reads a recipe's Dockerfile as evidence on what stands under its tag: one row a base and platform, in place of those of an earlier
 * reading. Done once for each head and recipe; a failure is kept with the recipe and tried again, later each time, without end. What
 * we built ourselves has stronger evidence and is not fetched for.
 */
export async function readRecipe(d: ReadDeps, ref: string, shutdown?: AbortSignal): Promise<void> {
  const wanted = await load(d, ref)
  if (!wanted || (wanted.reading?.digest === wanted.head && wanted.reading.error === null)) return
  const mask = makeMask()
  const done = { digest: wanted.head, error: null, attempts: 0, nextAt: null }
  try {
    const recipe = recipeOf(wanted)
    if (recipe.strategy !== 'dockerfile') return
    if (await wasBuiltHere(d, wanted.head)) {
      await keep(d, wanted, { ...done, commit: null, at: d.clock().toISOString() }, null)
      return
    }
    const subjects = await subjectsOf(d, wanted.head)
    const source = await fetchDockerfile(d, ref, recipe, mask, shutdown)
    const dockerfile = [source.text, recipe.args, recipe.target ?? null] as const
    const declarations = await readDockerfile(shutdown, 'declaredByRecipe', ref, subjects, ...dockerfile)
    const isPinned = declarations.some(({ pinned }) => pinned)
    const pins = isPinned ? await readDockerfile(shutdown, 'pinnedLines', ...dockerfile) : []
    const reading = { ...done, commit: source.commit, at: d.clock().toISOString(), pins }
    await keep(d, wanted, reading, { subjects, declarations: declarations.map((x) => canonical(d, x)) })
  } catch (error) {
    if (shutdown?.aborted) throw error
    await keep(d, wanted, failed(d, wanted, error, mask), null)
  }
}

function recipeOf({ spec }: Wanted): Recipe {
  const recipe = Recipe.safeParse(JSON.parse(spec))
  if (recipe.success) return recipe.data
  throw new BuildError('recipe-invalid', 'the stored recipe cannot be read by this version: store it again')
}

async function load({ sql }: Pick<Deps, 'sql'>, ref: string): Promise<Wanted | null> {
  const [row] = await sql<{ spec: string; reading: string | null; head: string }[]>`
    select recipe.spec::text as spec, recipe.reading::text as reading, tag.head_digest as head
    from recipe join tag on tag.ref = recipe.ref where recipe.ref = ${ref} and tag.head_digest is not null`
  return row ? { ref, ...row, reading: row.reading === null ? null : (JSON.parse(row.reading) as Reading) } : null
}

const wasBuiltHere = async ({ sql }: Pick<Deps, 'sql'>, head: string): Promise<boolean> =>
  (await sql`select from declaration where subject = ${head} and evidence = 'build' limit 1`).length > 0

/** The platforms' manifests. Error: `head-unreadable` where none of them is known yet. */
async function subjectsOf({ sql }: Pick<Deps, 'sql'>, head: string): Promise<Subject[]> {
  const rows = await sql<(Subject & { kind: string })[]>`
    select m.digest, m.kind, coalesce(e.platform, m.platform) as platform
    from manifest m left join index_entry e on e.index_digest = ${head} and e.manifest_digest = m.digest
    where m.digest = ${head} or (e.index_digest is not null and not e.attestation) order by m.digest`
  const images = new Map(rows.filter((row) => row.kind === 'image').map((row) => [row.digest, row]))
  const isArtifact = rows.some((row) => row.digest === head && row.kind === 'artifact')
  if (images.size === 0 && !isArtifact) throw new BuildError('head-unreadable', `${head} could not be read yet`)
  return [...images.values()].map(({ digest, platform }) => ({ digest, platform }))
}

/** Checks the recipe's source out into a directory of its own, gone afterwards, and gives the Dockerfile's text. */
async function fetchDockerfile(
  d: ReadDeps,
  ref: string,
  recipe: Recipe,
  mask: Mask,
  shutdown: AbortSignal | undefined,
): Promise<{ text: string; commit: string }> {
  const target = parseReference(ref)
  if (!target?.tag) throw new BuildError('ref-invalid', `${ref} is no tag`)
  const id = randomUUID()
  const dir = join(tmpdir(), `drydock-recipe-${id}`)
  const patience = AbortSignal.timeout(patienceMs)
  const silent = { log: { write: () => undefined, hide: mask.add } }
  await makeWorkDir(dir)
  try {
    // a Dockerfile may stand in a submodule, hardly in Git LFS
    const plain = recipe.git ? { ...recipe, git: { ...recipe.git, lfs: false } } : recipe
    const job = { recipe: plain, dir, logins: namespaceLogins(d, target) }
    const signal = shutdown ? AbortSignal.any([shutdown, patience]) : patience
    const source = await checkOutRecipe(d, job, silent, signal)
    return { text: await dockerfileText(source.dockerfile), commit: source.commit }
  } catch (error) {
    if (!patience.aborted) throw error
    throw new BuildError('git-timeout', `${recipe.git?.url} took longer than ${patienceMs / 1000} s`, {
      retryable: true,
    })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

const canonical = ({ registries }: Pick<Deps, 'registries'>, declaration: ObservedDeclaration): ObservedDeclaration =>
  declaration.name === null
    ? declaration
    : { ...declaration, name: canonicalRef(registries.canonicalHost, declaration.name) }

function failed(d: Pick<Deps, 'clock' | 'log'>, { ref, head, reading }: Wanted, error: unknown, mask: Mask): Reading {
  const { code, message } = describeError(error, mask.whole)
  const attempts = reading?.digest === head ? reading.attempts + 1 : 1
  const at = d.clock()
  const wait = Math.min(waits.first * 2 ** Math.min(attempts - 1, 20), waits.longest)
  const nextAt = new Date(at.getTime() + wait * 1000).toISOString()
  d.log.warn({ err: { code, message }, ref, next: nextAt }, 'recipe: its Dockerfile could not be read as evidence')
  return { digest: head, commit: null, at: at.toISOString(), error: { code, message }, attempts, nextAt }
}

/**
 * Stores the outcome, unless recipe or head are others by now: then it is read anew. `found` null: the rows stay as they are.
 * Key of the rows: (manifest, recipe, position); those of an earlier reading are replaced as a whole.
 */
async function keep(
  d: ReadDeps,
  { ref, spec, head }: Wanted,
  reading: Reading,
  found: { subjects: Subject[]; declarations: ObservedDeclaration[] } | null,
): Promise<void> {
  await inTransaction(d.sql, async (tx) => {
    const [now] = await tx<{ spec: string; url: string | null; head: string | null }[]>`
      select recipe.spec::text as spec, recipe.spec->'git'->>'url' as url, tag.head_digest as head
      from recipe left join tag on tag.ref = recipe.ref where recipe.ref = ${ref} for no key update of recipe`
    if (!now) return
    if (now.spec !== spec || now.head !== head) return queueReading(d, tx, { ref, url: now.url })
    if (found) await replace(d, tx, ref, found)
    await tx`update recipe set reading = ${storableJson(reading)}::text::jsonb where ref = ${ref}`
    if (reading.nextAt !== null) await queueReading(d, tx, { ref, url: now.url }, new Date(reading.nextAt))
  })
}

async function replace(
  d: ReadDeps,
  tx: Tx,
  ref: string,
  { subjects, declarations }: { subjects: Subject[]; declarations: ObservedDeclaration[] },
): Promise<void> {
  const manifests = subjects.map((subject) => subject.digest)
  await tx`
    delete from declaration
    where evidence = 'recipe' and source = ${recipeSource(ref)} and subject = any(${manifests})`
  await insertDeclarations(tx, declarations)
  await markDirty(d, tx, { tags: [], manifests })
  await lookAtDeclared(d, tx, declarations)
}
