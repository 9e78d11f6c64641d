/**
 * In: a stage with registry, inbox and service running. Out: the main job of Drydock told while it happens, from outside:
 * through the registry's API, Drydock's API and an inbox. Guarantees: it throws at the first step that did not really happen.
 */
import { push, read, type Seen } from './distribution.ts'
import {
  base,
  baseContent,
  childContent,
  descendants,
  type Member,
  mailer,
  ownCommand,
  shop,
  shopEu,
} from './family.ts'
import type { Scene } from './narrate.ts'
import type { Stage } from './stage.ts'
import { eventually, type Say, type Watch, watch } from './watch.ts'

type Told = { stage: Stage; say: Say; watch: Watch }

const owner = { name: 'ada', email: 'ada@example.org' }
const refOf = (stage: Stage, member: Member) => `${stage.host}/${member.repository}:${member.tag}`

export async function tellStory(stage: Stage, say: Say): Promise<void> {
  const told = { stage, say, watch: watch(stage.tracker, stage.received, say) }
  say('\n1. Push a base, two children and a grandchild')
  await pushFamily(told)
  await sawFamily(told)
  say('\n2. Give the namespace "app" an owner and its tags recipes (strategy rebase, auto: true; no Docker needed)')
  await introduce(told)
  const before = await readAll(stage)
  say('\n3. Move the base: a new release of lib/base:1')
  const moved = baseContent('2', new Date())
  await push(stage.registry, base.repository, base.tag, moved)
  say(`push   ${refOf(stage, base)} is now ${moved.digest.slice(0, 19)}; from here on nobody touches anything`)
  await sawChainReaction(told)
  say('\n4. Look at the registry itself')
  await sawContents(told, before)
}

function check(say: Say, what: string, holds: boolean): void {
  if (!holds) throw new Error(`not so: ${what}`)
  say(`ok     ${what}`)
}

async function pushFamily({ stage, say }: Told): Promise<void> {
  const contents = new Map([[base.repository, baseContent('1', new Date())]])
  await push(stage.registry, base.repository, base.tag, contents.get(base.repository)!)
  say(`push   ${refOf(stage, base)}`)
  for (const member of descendants) {
    const content = childContent(member, contents.get(member.from.repository)!, new Date())
    contents.set(member.repository, content)
    await push(stage.registry, member.repository, member.tag, content)
    say(`push   ${refOf(stage, member)}, built from ${refOf(stage, member.from)}`)
  }
}

/** Drydock was told of no Dockerfile and no build: what it knows of bases it found in the registry. */
async function sawFamily({ stage, say, watch }: Told): Promise<void> {
  for (const member of descendants) {
    const [ref, on] = [refOf(stage, member), refOf(stage, member.from)]
    await eventually(`${ref} is current, with ${on} as its only base`, 20, async () => {
      const view = await stage.tracker.find(ref)
      const bases = view?.platforms.flatMap((platform) => platform.bases.map((one) => one.ref)).join()
      return view?.status === 'current' && bases === on ? true : null
    })
    say(`ok     ${ref} is based on ${on}: found from the layers alone`)
  }
  await watch.until('a first look', 5, () => true)
  check(say, 'nothing is outdated', watch.flagged.size === 0)
}

async function introduce({ stage, say }: Told): Promise<void> {
  const { tracker } = stage
  await tracker.put(`/users/${owner.name}`, { email: owner.email, displayName: 'Ada' })
  await tracker.put('/namespaces/lib', { visibility: 'protected' })
  await tracker.put('/namespaces/app', {})
  await tracker.put(`/namespaces/app/members/${owner.name}`, { role: 'owner' })
  say(`owner  ${owner.name} <${owner.email}>`)
  for (const member of descendants) {
    await tracker.put(`/recipes/${encodeURIComponent(refOf(stage, member))}`, { strategy: 'rebase', auto: true })
    say(`recipe ${refOf(stage, member)}`)
  }
}

/** Flags, the mail, rebuilds wave by wave, flags cleared: told by the watch as they come, then checked as a whole. */
async function sawChainReaction({ stage, say, watch }: Told): Promise<void> {
  const refs = descendants.map((member) => refOf(stage, member))
  const first = await watch.until('all three are flagged', 20, () => refs.every((ref) => watch.flagged.has(ref)))
  const via = first.outdated.find((tag) => tag.ref === refOf(stage, shopEu))?.causes.map((cause) => cause.via)
  await watch.until('the owner has a mail', 20, ({ received }) => received.length > 0)
  const done = ({ outdated, builds }: Scene) =>
    outdated.length === 0 && builds.length >= refs.length && builds.every((build) => build.finishedAt !== null)
  await watch.until('all rebuilt, no flag left', 30, done)
  const quietUntil = Date.now() + 3000
  const end = await watch.until('three quiet seconds', 5, () => Date.now() >= quietUntil)

  const built = (member: Member) => end.builds.filter((build) => build.ref === refOf(stage, member))
  check(
    say,
    `${refOf(stage, shopEu)} was outdated via ${refOf(stage, shop)}`,
    via?.includes(refOf(stage, shop)) ?? false,
  )
  check(
    say,
    'each descendant was built once, and succeeded',
    descendants.every(
      (member) =>
        built(member)
          .map((build) => build.state)
          .join() === 'succeeded',
    ) && end.builds.length === refs.length,
  )
  check(
    say,
    `${refOf(stage, shopEu)} waited for ${refOf(stage, shop)}`,
    built(shopEu)[0]!.startedAt! >= built(shop)[0]!.finishedAt!,
  )
  check(say, 'the base itself was never flagged', watch.flagged.size === refs.length)
  check(say, 'nothing is outdated, and nothing more happens', end.outdated.length === 0)
  await sawOneMail({ stage, say, watch })
}

async function sawOneMail({ stage, say }: Told): Promise<void> {
  const mails = await stage.tracker.mails()
  const [mail] = stage.received
  const names = (text: string) => descendants.every((member) => text.includes(refOf(stage, member)))
  check(say, `one mail went out, to ${owner.email}`, stage.received.length === 1 && mail?.to.join() === owner.email)
  check(
    say,
    'it names all three, and has the Message-ID Drydock had stored',
    names(mail!.text) && mails.map((one) => one.messageId).join() === mail!.messageId,
  )
}

type Contents = Map<Member, Seen>

async function readAll(stage: Stage): Promise<Contents> {
  const seen: Contents = new Map()
  for (const member of [base, ...descendants])
    seen.set(member, await read(stage.registry, member.repository, member.tag))
  return seen
}

/** The proof: not what Drydock says, but the bytes the registry serves. */
async function sawContents({ stage, say }: Told, before: Contents): Promise<void> {
  const after = await readAll(stage)
  for (const member of descendants) {
    const [own, on, was] = [after.get(member)!, after.get(member.from)!, before.get(member)!]
    const ref = refOf(stage, member)
    const startsWith =
      on.diffIds.every((diffId, i) => own.diffIds[i] === diffId) && own.diffIds.length === on.diffIds.length + 1
    check(
      say,
      `${ref} starts with the layers ${refOf(stage, member.from)} has now`,
      startsWith && own.digest !== was.digest,
    )
    check(
      say,
      `${ref} kept its own layer`,
      own.diffIds.at(-1) === was.diffIds.at(-1) && own.commands.at(-1) === ownCommand(member),
    )
  }
  const moved = after.get(base)!.diffIds[0] !== before.get(base)!.diffIds[0]
  check(
    say,
    `all ${descendants.length} carry the new release of ${refOf(stage, base)}`,
    moved && [shop, mailer, shopEu].every((member) => after.get(member)!.diffIds[0] === after.get(base)!.diffIds[0]),
  )
}
