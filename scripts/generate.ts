/**
 * Writes what is generated from the code: README's settings table, docs/access.md's table of calls, docs/channels.md's examples,
 * docs/structure.md and docs/openapi.json. `--check` writes nothing and fails where one of them differs. `npm test` runs the check, so that neither can grow old.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { accessTable } from '../src/api/access-table.ts'
import { openapiDocument } from '../src/api/openapi.ts'
import { routes } from '../src/api/routes.ts'
import { settingsTable } from '../src/settings.ts'
import { withChannelExamples } from './channel-examples.ts'
import { structurePage } from './structure.ts'

/** A page with what stands between its marks (`<!-- NAME: npm run docs:generate -->`, `<!-- /NAME -->`) made anew. */
function between(file: string, name: string, made: string): string {
  const [begin, end] = [`<!-- ${name}: npm run docs:generate -->\n`, `<!-- /${name} -->`]
  const text = readFileSync(file, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${file} lacks the marks ${begin.trim()} and ${end}`)
  return `${text.slice(0, from + begin.length)}\n${made}\n\n${text.slice(to)}`
}

const pages: Record<string, () => string> = {
  'README.md': () => between('README.md', 'settings', settingsTable()),
  'docs/access.md': () => between('docs/access.md', 'routes', accessTable(routes)),
  'docs/channels.md': () => withChannelExamples(readFileSync('docs/channels.md', 'utf8')),
  'docs/structure.md': structurePage,
  'docs/openapi.json': () => `${JSON.stringify(openapiDocument(), null, 2)}\n`,
}

const check = process.argv.includes('--check')
for (const [file, make] of Object.entries(pages)) {
  const wanted = make()
  if (existsSync(file) && readFileSync(file, 'utf8') === wanted) continue
  if (check) {
    console.error(`${file} is not what the code says; npm run docs:generate writes it`)
    process.exitCode = 1
  } else {
    writeFileSync(file, wanted)
    console.log(`wrote ${file}`)
  }
}
