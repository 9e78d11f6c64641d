import type { Command } from 'commander'
import { parseAllDocuments, stringify } from 'yaml'
import { z } from 'zod'
import { at, type Client, client, print, say } from './client.ts'
import type { Context } from './context.ts'
import { readInput } from './read-input.ts'
import { table } from './table.ts'

type View = { strategy: string; auto: boolean; on: string; git?: { url: string; ref: string } }
type ProposalView = { exists: boolean; recipe: object; doubts: { path: string; message: string }[] }
type Listed = View & { ref: string; updatedAt: string }

/** What a file holds: documents, or a list, of {ref, and the recipe's own fields}. */
const Entry = z.looseObject({ ref: z.string().min(1) })

/** `drydock recipe list|show|apply|propose|rm`. */
export const recipeCommand = (program: Command, ctx: Context): void => {
  const recipe = program.command('recipe').description('how tags are built')
  recipe
    .command('list')
    .description('all recipes')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const items: Listed[] = []
      for await (const item of client(ctx.env).all<Listed>('/recipes')) items.push(item)
      if (options.json) return print(ctx, items)
      table(
        ctx,
        ['tag', 'strategy', 'auto', 'on', 'git'],
        items.map(({ ref, ...r }) => [ref, r.strategy, String(r.auto), r.on, r.git ? `${r.git.url}#${r.git.ref}` : '']),
      )
    })
  recipe
    .command('show')
    .description('one recipe, as YAML that `recipe apply` takes')
    .argument('<ref>')
    .option('--json', 'print JSON')
    .action(async (ref: string, options: { json?: boolean }) => {
      const found = await client(ctx.env).json<View>('GET', `/recipes/${at(ref)}`)
      if (options.json) print(ctx, found)
      else ctx.stdout.write(stringify({ ref, ...found }))
    })
  recipe
    .command('apply')
    .description('store recipes from a YAML or JSON file (- for standard input)')
    .requiredOption('-f, --file <file>', 'the file')
    .option('--json', 'print JSON')
    .action(async (options: { file: string; json?: boolean }) => {
      const api = client(ctx.env)
      const stored: (View & { ref: string })[] = []
      for (const { ref, ...spec } of entriesOf(options.file, await readInput(ctx, options.file))) {
        stored.push({ ref, ...(await put(api, ref, spec)) })
        if (!options.json) say(ctx, `stored ${ref}`)
      }
      if (options.json) print(ctx, stored)
    })
  recipe
    .command('propose')
    .description('a recipe from what the tag says it was built from, as YAML that `recipe apply` takes')
    .argument('<ref>')
    .option('--accept', 'store it, unless the tag has one')
    .option('--json', 'print JSON')
    .action(async (ref: string, options: { accept?: boolean; json?: boolean }) => {
      const api = client(ctx.env)
      const found = await api.json<ProposalView>('GET', `/recipes/${at(ref)}/proposal`)
      if (options.json) print(ctx, found)
      else ctx.stdout.write(stringify({ ref, ...found.recipe }))
      for (const { path, message } of found.doubts) ctx.stderr.write(`${path === '' ? '' : `${path}: `}${message}\n`)
      if (!options.accept) return
      if (found.exists) throw new Error(`${ref} has a recipe; \`recipe apply\` replaces it`)
      await put(api, ref, found.recipe)
      ctx.stderr.write(`stored ${ref}\n`)
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

/** Stores one, and says whose fault a refusal is: those before it are stored. */
const put = (api: Client, ref: string, spec: object): Promise<View> =>
  api.json<View>('PUT', `/recipes/${at(ref)}`, spec).catch((error: Error) => {
    throw new Error(`${ref}: ${error.message}`, { cause: error })
  })

/** Every recipe of the text, before the first is stored. */
function entriesOf(file: string, text: string): z.infer<typeof Entry>[] {
  const documents = parseAllDocuments(text)
  const faults = Array.isArray(documents) ? documents.flatMap((document) => document.errors) : []
  if (faults.length > 0) throw new Error(`${file}: ${faults[0]!.message}`)
  // A document may be a list; one that holds nothing (a last `---`) is none.
  const values = [...documents].flatMap((document) => (document.toJS() as unknown) ?? [])
  const parsed = z.array(Entry).min(1).safeParse(values)
  if (!parsed.success) throw new Error(`${file}: each recipe needs its ref: {ref: …, git: …}`)
  return parsed.data
}
