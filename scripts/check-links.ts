/**
 * Fails where a page points at nothing: relative links of README, CONTRIBUTING, CHANGELOG and docs/, and `npm run` names they give.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name))
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...docs].filter((name) => name.endsWith('.md'))
const scripts = (JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }).scripts

const headings = (text: string) =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

function faultOfLink(page: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null
  const [path, fragment] = link.split('#')
  const target = path ? join(dirname(page), path) : page
  if (!existsSync(target)) return `no such file: ${link}`
  if (fragment && target.endsWith('.md') && !headings(readFileSync(target, 'utf8')).includes(fragment))
    return `no such heading: ${link}`
  return null
}

const faults = pages.flatMap((page) => {
  const text = readFileSync(page, 'utf8')
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => faultOfLink(page, link!))
  const commands = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) =>
    scripts[name!] ? null : `no such script: ${name}`,
  )
  return [...links, ...commands].filter((fault) => fault !== null).map((fault) => `${page}: ${fault}`)
})
for (const fault of faults) console.error(fault)
console.log(`${pages.length} pages, ${faults.length} faults`)
process.exitCode = faults.length > 0 ? 1 : 0
