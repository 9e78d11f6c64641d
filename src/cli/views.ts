/** The API's answers as far as commands read them; docs/openapi.json has the whole of them. */
export type CauseView = {
  base: string
  from: string | null
  to: string
  role: string
  evidence: string[]
  confidence: string
  stillAt: string[]
  via: string | null
  platforms: string[]
}
export type RebuildView = {
  state: string
  build: string | null
  waitsFor: string[]
  because?: string
  movesWith?: string
}
export type IgnoredView = { rule: string; scope: string; detail: string }
export type SnoozedView = { reason: string; expiresAt: string; by: string }
export type NewerBaseView = { base: string; newer: string | null; newest: string | null }
export type OutdatedView = {
  ref: string
  outdatedSince: string
  causes: CauseView[]
  rebuild: RebuildView
  ignored: IgnoredView | null
  snoozed: SnoozedView | null
}
export type NewerView = { ref: string; newer: NewerBaseView[] }
export type BaseView = {
  ref: string | null
  digest: string | null
  role: string
  evidence: string[]
  confidence: string
}
export type TagView = {
  ref: string
  status: string | null
  digest: string
  pushedAt: string
  because: { reason: string; base: string | null; platform: string }[] | null
  platforms: { platform: string; bases: BaseView[] }[]
  causes: CauseView[]
  disagreements: { platform: string; base: string | null; evidence: string[] }[]
  rebuild: RebuildView
  ignored: { rule: string; scope: string; detail: string } | null
  snoozed: { reason: string; expiresAt: string; by: string } | null
  newer: { base: string; newer: string | null; newest: string | null }[]
}
export type ChainView = CauseView & {
  counted: boolean
  pinned: boolean
  since: string
  movedAt: string | null
  through: { ref: string; digest: string | null; status: string | null; rebuild: RebuildView | null }[]
}
export type WhyView = {
  ref: string
  tag: TagView | null
  watch: { askedAt: string | null; nextAt: string; error: string | null } | null
  chains: ChainView[]
  builds: BuildView[]
}
export type PlanView = {
  ref: string
  dependents: number
  truncated: boolean
  counts: Record<string, number>
  seconds: number | null
  nodes: {
    ref: string
    decision: string | null
    level: number | null
    because: string[]
    waitsFor: string[]
    cycle: boolean
    seconds: number | null
  }[]
  cycles: string[][]
  told: { namespace: string; tags: number; people: { user: string; email: string | null }[] }[]
}
export type BuildView = {
  id: string
  ref: string
  state: string
  reason: { kind: string; base: string | null; from: string | null; to: string | null }
  createdAt: string
  startedAt: string | null
  finishedAt: string | null
  digest: string | null
  error: { code: string; message: string } | null
}
export type NodeView = {
  ref: string
  aliases: string[]
  digest: string | null
  status: string | null
  platforms: string[]
  role: string | null
  confidence: string | null
  again: boolean
  cycle: boolean
  more: number
  children: NodeView[]
}
export type TreeView = { direction: 'up' | 'down'; truncated: boolean; root: NodeView }
