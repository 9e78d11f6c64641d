import { execFileSync } from 'node:child_process'

const introduction = `# Structure

Drawn by dependency-cruiser from the imports as they are (\`npm run docs:generate\`); \`npm test\` fails where this page differs.
An arrow reads "imports". Which imports are allowed stands in \`.dependency-cruiser.mjs\`, with the reason beside each rule.
Left out: \`oci/\`, which everything may import and which imports nothing, and \`deps.ts\`, which only names types.
The flow from a push to a rebuild is \`src/pipeline.ts\`; what the parts owe each other is [design.md](design.md).
`

/** docs/structure.md: the folders of src/ and who imports whom, as mermaid. Needs an installed tree. */
export function structurePage(): string {
  const picture = execFileSync(
    'node_modules/.bin/depcruise',
    [
      'src',
      '--config',
      '.dependency-cruiser.mjs',
      '--include-only',
      '^src/',
      '--exclude',
      '^src/(oci/|deps\\.ts|db/generated/)',
    ].concat(['--collapse', '^src/[^/]+', '--output-type', 'mermaid']),
    { encoding: 'utf8' },
  )
  return `${introduction}\n\`\`\`mermaid\n${picture.trim()}\n\`\`\`\n`
}
