import { type Command, Option } from 'commander'
import { at, client, clientCommand, print, say } from './client.ts'
import type { Context } from './context.ts'
import { state } from './table.ts'
import type { NodeView } from './views.ts'

type Options = { up?: boolean; down?: boolean; format: 'text' | 'json' | 'dot'; json?: boolean }

/** `drydock tree REF`: what a tag is based on (default), or what is based on it. */
export const treeCommand = (program: Command, ctx: Context): void => {
  clientCommand(program, 'tree', 'what a tag is based on, or what is based on it')
    .argument('<ref>', 'the tag')
    .addOption(new Option('--up', 'what it is based on (default)').conflicts('down'))
    .addOption(new Option('--down', 'what is based on it'))
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json', 'dot']).default('text'))
    .action(async (ref: string, options: Options) => {
      const direction = options.down ? 'down' : 'up'
      const path = `/tags/${at(ref)}/lineage?direction=${direction}`
      const found = await client(ctx.env).json<{ truncated: boolean; root: NodeView }>('GET', path)
      if (options.json || options.format === 'json') return print(ctx, found)
      if (options.format === 'dot') return say(ctx, dot(found.root, direction))
      for (const line of lines(ctx, found.root)) say(ctx, line)
      if (found.truncated) say(ctx, '… there is more than is shown')
    })
}

function lines(ctx: Context, node: NodeView, indent = ''): string[] {
  const notes = [
    node.role === 'build' ? 'build' : '',
    node.platforms.length > 1 ? node.platforms.join(' ') : '',
    node.again ? 'see above' : '',
  ]
  const note = notes.filter((text) => text !== '').join(', ')
  const line = `${indent}${node.ref}  ${state(ctx, node.status)}${note === '' ? '' : `  (${note})`}`
  return [line, ...node.children.flatMap((child) => lines(ctx, child, `${indent}  `))]
}

/** Arrows from an image to its base. */
function dot(root: NodeView, direction: 'up' | 'down'): string {
  const edges = new Set<string>()
  const visit = (node: NodeView) => {
    for (const child of node.children) {
      const [from, to] = direction === 'up' ? [node.ref, child.ref] : [child.ref, node.ref]
      edges.add(`  ${JSON.stringify(from)} -> ${JSON.stringify(to)}${child.role === 'build' ? ' [style=dashed]' : ''};`)
      visit(child)
    }
  }
  visit(root)
  return ['digraph lineage {', `  ${JSON.stringify(root.ref)};`, ...edges, '}'].join('\n')
}
