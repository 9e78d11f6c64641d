import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { at, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { table } from './table.ts'

type View = {
  ref: string
  recipe: { strategy: string; auto: boolean; on: string; git?: { url: string; ref: string } }
  updatedAt: string
}

/** What a file holds: documents, or a list, of {ref, and the recipe's own fields}. */
const Entry = z.looseObject({ ref: z.string().min(1) })

/** `drydock recipe list|show|apply|rm`. */
export const recipeCommand = (program: Command, ctx: Context): void => {
  const recipe = program.command('recipe').description('how tags are built')
  recipe
    .command('list')
    .description('all recipes')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const items: View[] = []
      for await (const item of client(ctx.env).all<View>('/recipes')) items.push(item)
      if (options.json) return print(ctx, items)
      table(
        ctx,
        ['tag', 'strategy', 'auto', 'on', 'git'],
        items.map(({ ref, recipe: r }) => [
          ref,
          r.strategy,
          String(r.auto),
          r.on,
          r.git ? `${r.git.url}#${r.git.ref}` : '',
        ]),
      )
    })
  recipe
    .command('show')
    .description('one recipe')
    .argument('<ref>')
    .option('--json', 'print JSON')
    .action(async (ref: string) => {
      print(ctx, await client(ctx.env).json<View>('GET', `/recipes/${at(ref)}`))
    })
  recipe
    .command('apply')
    .description('store recipes from a YAML or JSON file (- for standard input)')
    .requiredOption('-f, --file <file>', 'the file')
    .option('--json', 'print JSON')
    .action(async (options: { file: string; json?: boolean }) => {
      const stored: View[] = []
      for (const { ref, ...spec } of entries(options.file))
        stored.push(await client(ctx.env).json<View>('PUT', `/recipes/${at(ref)}`, spec))
      if (options.json) print(ctx, stored)
      else for (const { ref } of stored) say(ctx, `stored ${ref}`)
    })
  recipe
    .command('rm')
    .description('forget a recipe')
    .argument('<ref>')
    .option('--json', 'print JSON')
    .action(async (ref: string, options: { json?: boolean }) => {
      await client(ctx.env).json('DELETE', `/recipes/${at(ref)}`)
      if (options.json) print(ctx, { ref, removed: true })
      else say(ctx, `removed ${ref}`)
    })
}

function entries(file: string): z.infer<typeof Entry>[] {
  const documents = parseAllDocuments(readFileSync(file === '-' ? 0 : file, 'utf8'))
  const faults = Array.isArray(documents) ? documents.flatMap((document) => document.errors) : []
  if (faults.length > 0) throw new Error(`${file}: ${faults[0]!.message}`)
  const values = [...documents].flatMap((document) => document.toJS() as unknown)
  const parsed = z.array(Entry).min(1).safeParse(values)
  if (!parsed.success) throw new Error(`${file}: each recipe needs its ref: {ref: …, git: …}`)
  return parsed.data
}
