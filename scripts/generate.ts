/**
 * Writes what is generated from the code: README's settings table, docs/structure.md and docs/openapi.json. `--check` writes nothing and
 * fails where one of them differs. `npm test` runs the check, so that neither can grow old.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { openapiDocument } from '../src/api/openapi.ts'
import { settingsTable } from '../src/settings.ts'
import { structurePage } from './structure.ts'

const [begin, end] = ['<!-- settings: npm run docs:generate -->\n', '<!-- /settings -->']

function readme(): string {
  const text = readFileSync('README.md', 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`README.md lacks the marks ${begin.trim()} and ${end}`)
  return `${text.slice(0, from + begin.length)}\n${settingsTable()}\n\n${text.slice(to)}`
}

const pages: Record<string, () => string> = {
  'README.md': readme,
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
