import { type Command, InvalidArgumentError, Option } from 'commander'
import { at, client, clientCommand, print, query, say } from './client.ts'
import type { Context } from './context.ts'
import { dim, state } from './table.ts'
import { dotOf } from './tree-dot.ts'
import type { NodeView, TreeView } from './views.ts'

type Options = {
  up?: boolean
  down?: boolean
  all?: boolean
  depth?: string
  format: 'text' | 'json' | 'dot'
  json?: boolean
}

function levels(text: string): string {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 1000) return text
  throw new InvalidArgumentError('It must be a number from 1 to 1000.')
}

/** `drydock tree REF`: what a tag is based on (default), or what is based on it. */
export const treeCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'tree', 'what a tag is based on, or what is based on it')
    .argument('<ref>', 'the tag; a base outside, too')
    .addOption(new Option('--up', 'what it is based on (default)').conflicts('down'))
    .addOption(new Option('--down', 'what is based on it'))
    .addOption(
      new Option('--all', 'a plain list of every tag whose layers are based on its own, however many').conflicts('up'),
    )
    .option('--depth <n>', 'so many levels', levels)
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json', 'dot']).default('text'))
    .action(async (ref: string, options: Options) => {
      if (options.all) {
        for await (const text of client(ctx.env).stream(`/tags/${at(ref)}/descendants`)) ctx.stdout.write(text)
        return
      }
      const asked = query({ direction: options.down ? 'down' : 'up', depth: options.depth })
      const found = await client(ctx.env).json<TreeView>('GET', `/tags/${at(ref)}/lineage${asked}`)
      if (options.json || options.format === 'json') return print(ctx, found)
      if (options.format === 'dot') return say(ctx, dotOf(found))
      say(ctx, describe(ctx, found.root, null))
      for (const line of below(ctx, found.root, found.direction)) say(ctx, line)
      if (found.truncated) ctx.stderr.write('drydock: it is larger than is shown; --depth shows less of each branch\n')
    })
}

/** The lines under a node, drawn as `tree` draws them. */
function below(ctx: Context, node: NodeView, direction: TreeView['direction'], indent = ''): string[] {
  const word = direction === 'up' ? ['base', 'bases'] : ['dependent', 'dependents']
  const more = node.more === 0 ? [] : [dim(ctx, `… ${node.more} more ${word[node.more === 1 ? 0 : 1]}`)]
  const lines = node.children.flatMap((child, i) => {
    const last = i === node.children.length - 1 && more.length === 0
    const own = `${indent}${dim(ctx, last ? '└─' : '├─')} ${describe(ctx, child, node)}`
    return [own, ...below(ctx, child, direction, `${indent}${last ? ' ' : dim(ctx, '│')}  `)]
  })
  return [...lines, ...more.map((text) => `${indent}${dim(ctx, '└─')} ${text}`)]
}

/** Name, state and what is not plain about it: platforms where they differ from those above, another role than runtime, doubt. */
function describe(ctx: Context, node: NodeView, above: NodeView | null): string {
  const platforms = node.platforms.join(' ')
  const notes = [
    node.aliases.length > 0 ? `= ${node.aliases.join(', ')}` : '',
    platforms === (above?.platforms.join(' ') ?? '') ? '' : platforms,
    node.role === null || node.role === 'runtime' ? '' : `${node.role} only`,
    node.confidence === 'ambiguous' ? 'ambiguous' : '',
    node.cycle ? 'a cycle: it is above' : '',
    node.again ? '… see above' : '',
  ].filter((text) => text !== '')
  const status = node.digest === null ? 'not known here' : state(ctx, node.status ?? 'not judged yet')
  return [node.ref, status, ...(notes.length > 0 ? [dim(ctx, `(${notes.join('; ')})`)] : [])].join('  ')
}
