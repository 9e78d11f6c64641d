import { type Command, InvalidArgumentError, Option } from 'commander'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'

type View = {
  scope: string
  include: string[]
  exclude: string[]
  keepNewest: number | null
  keepBy: string
  ignoreImmutable: boolean
  immutable: string[]
}
type SetOptions = Partial<Omit<View, 'scope'>> & { json?: boolean }

/** `drydock policy list|set|rm`: which tags matter. */
export const policyCommand = (program: Command, ctx: Context): void => {
  const policy = program.command('policy').description('which tags of a namespace or a repository matter')
  policy
    .command('list')
    .description('all policies')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const items: View[] = []
      for await (const item of client(ctx.env).all<View>('/policies')) items.push(item)
      if (options.json) return print(ctx, items)
      table(
        ctx,
        ['scope', 'what matters'],
        items.map((item) => [item.scope, inWords(item)]),
      )
    })
  policy
    .command('set')
    .description('store a policy as a whole, in place of the one there was')
    .argument('<scope>', 'a namespace, or a repository as host/repository')
    .option('--include <pattern>', 'only tags like this (repeatable)', collect)
    .option('--exclude <pattern>', 'no tags like this (repeatable)', collect)
    .option('--keep-newest <n>', 'only so many, of each family of versions', wholeNumber)
    .addOption(new Option('--keep-by <order>', 'what newest means').choices(['version', 'push']))
    .option('--ignore-immutable', 'no tags that are never pushed anew: full versions, dates, commits')
    .option('--immutable <pattern>', 'tags like this are never pushed anew either (repeatable)', collect)
    .option('--json', 'print JSON')
    .action(async (scope: string, { json, ...policy }: SetOptions) => {
      const stored = await client(ctx.env).json<View>('PUT', `/policies/${at(scope)}`, policy)
      if (json) print(ctx, stored)
      else say(ctx, `${stored.scope}: ${inWords(stored)}`)
    })
  policy
    .command('rm')
    .description('remove a policy: what it ignored matters again')
    .argument('<scope>')
    .option('--json', 'print JSON')
    .action(async (scope: string, options: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', `/policies/${at(scope)}`)
      if (options.json) print(ctx, { scope, removed: true })
      else say(ctx, `removed the policy of ${scope}`)
    })
}

const collect = (pattern: string, before: string[] = []): string[] => [...before, pattern]

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted.')
  return Number(text)
}

function inWords(policy: View): string {
  const rules = [
    policy.include.length > 0 ? `only ${policy.include.join(', ')}` : null,
    policy.exclude.length > 0 ? `not ${policy.exclude.join(', ')}` : null,
    policy.ignoreImmutable ? `no immutable tags${policy.immutable.map((p) => `, nor ${p}`).join('')}` : null,
    policy.keepNewest === null ? null : `the ${policy.keepNewest} newest by ${policy.keepBy}`,
  ].filter((rule) => rule !== null)
  return rules.length === 0 ? 'every tag' : rules.join('; ')
}
