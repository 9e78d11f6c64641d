import { z } from 'zod'
import type { Key, NamespaceNeed } from '../access/access.ts'
import { keyOfRef } from '../access/key-of-ref.ts'
import type { Deps } from '../deps.ts'
import { keysOfPlans } from '../plan/keys-of-plans.ts'
import { namespaceOfScope } from '../policy/policy-scope.ts'
import { keyOfStored, namesOf, namespaceOfPath, refOf } from './names.ts'
import type { ProblemCode } from './problem.ts'
import { policyScope } from './scope.ts'

/** What routes say of their access. */
export const open = { need: 'open' } as const
export const person = { need: 'person' } as const
export const self = { need: 'self' } as const
export const admin = { need: 'admin' } as const
export const builder = { need: 'builder' } as const

const uuid = z.uuid()
type Found = Promise<readonly Key[]>

/** Of the namespace in the path; of a registry that is configured no more too, where only admins pass. */
export const ofNamespace = <N extends NamespaceNeed>(need: N, hidden: ProblemCode = 'no-such-namespace') => ({
  need,
  hidden,
  of: async (d: Deps, { params }: { params: { ns: string } }): Found => [await keyOfStored(d, params.ns)],
})

/** Of the tag in the path, on a registry of ours. */
export const ofRef = <N extends NamespaceNeed>(need: N, hidden: ProblemCode) => ({
  need,
  hidden,
  of: (d: Deps, { params }: { params: { ref: string } }): readonly Key[] => [keyOfRef(d, refOf(d, params.ref))],
})

/** Of any tag in the path: on a registry of ours, or outside. What it may be besides is looked for among what may be read alone. */
export const ofName = (hidden: ProblemCode) => ({
  need: 'read' as const,
  hidden,
  of: (d: Deps, { params }: { params: { ref: string } }): readonly Key[] =>
    namesOf(d, params.ref).map((name) => keyOfRef(d, name)),
})

/** Of the namespace or repository of a policy. */
export const ofPolicy = <N extends NamespaceNeed>(need: N) => ({
  need,
  hidden: 'no-such-policy' as const,
  of: (d: Deps, { params }: { params: { scope: string } }): readonly Key[] => [
    namespaceOfScope(policyScope(d, params.scope), d.config.registries.length),
  ],
})

/** Of a pause: a namespace, or everywhere. */
export const ofPause = <N extends NamespaceNeed>(need: N) => ({
  need,
  hidden: 'no-such-namespace' as const,
  of: (d: Deps, { params }: { params: { scope: string } }): readonly Key[] => [
    params.scope === '*' ? null : namespaceOfPath(d, params.scope),
  ],
})

/** Of a build. */
export const ofBuild = <N extends NamespaceNeed>(need: N) => ({
  need,
  hidden: 'no-such-build' as const,
  of: async (d: Deps, { params }: { params: { id: string } }): Found => {
    if (!uuid.safeParse(params.id).success) return []
    const rows = await d.sql<{ key: string }[]>`
      select namespace_key as key from build where id = ${params.id} and job is null`
    return rows.map((row) => row.key)
  },
})

/** Of a fan-out: to change it, of the namespaces it builds in; to read it, of all that it concerns, and of its base where that is ours. */
export const ofPlan = <N extends NamespaceNeed>(need: N) => ({
  need,
  hidden: 'no-such-plan' as const,
  of: async (d: Deps, { params }: { params: { id: string } }): Found => {
    if (!uuid.safeParse(params.id).success) return []
    const keys = (await keysOfPlans(d, [params.id])).get(params.id.toLowerCase())
    return (need === 'read' ? keys?.read : keys?.build) ?? []
  },
})

/** Of a snooze: of its tag's namespace; one of a base is everybody's, and so an admin's. */
export const ofSnooze = <N extends NamespaceNeed>(need: N) => ({
  need,
  hidden: 'no-such-snooze' as const,
  of: async (d: Deps, { params }: { params: { id: string } }): Found => {
    if (!uuid.safeParse(params.id).success) return []
    const rows = await d.sql<{ kind: 'tag' | 'base'; ref: string }[]>`
      select kind, ref from snooze where id = ${params.id}`
    return rows.map(({ kind, ref }) => (kind === 'base' ? null : keyOfRef(d, ref)))
  },
})
