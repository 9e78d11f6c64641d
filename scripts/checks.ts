/** One check of `npm test`: what it is called and the command that exits non-zero where it fails. */
export type Check = { name: string; command: readonly string[] }

/** Everything but the tests, cheap ones first. Each can be run alone: `npm run check:…` in package.json. */
export const checks: readonly Check[] = [
  { name: 'format and lint', command: ['npm', 'run', '--silent', 'check:lint'] },
  { name: 'types', command: ['npm', 'run', '--silent', 'check:types'] },
  { name: 'import boundaries', command: ['npm', 'run', '--silent', 'check:imports'] },
  { name: 'migrations', command: ['npm', 'run', '--silent', 'check:migrations'] },
  { name: 'generated files', command: ['npm', 'run', '--silent', 'check:docs'] },
  { name: 'links in the docs', command: ['npm', 'run', '--silent', 'check:links'] },
]
