import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { failureFor, failureWords } from '../../src/build/failure-words.ts'

const root = join(import.meta.dirname, '..', '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
/** without comments */
const source = (file: string) => read(file).replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, '')
const files = [...globSync('src/build/**/*.ts', { cwd: root }), 'src/plan/past-builds.ts'].filter(
  (file) => !file.endsWith('failure-words.ts'),
)

/** Problems of the API, which are no build's. */
const elsewhere = ['no-such-build']

const listed = (): string[] => {
  const [, section = ''] = read('docs/design/build.md').split('## Error codes')
  const rows = section.split('\n').filter((line) => /^\| (?!of \|)/.test(line))
  return rows.flatMap((row) => [...row.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, code]) => code!))
}

/** What a row says to who may not build, by code. */
const sentences = (): Map<string, string> => {
  const [, section = ''] = read('docs/design/build.md').split('## Error codes')
  const rows = section.split('\n').filter((line) => /^\| .*`.*\|$/.test(line))
  return new Map(
    rows.flatMap((row) => {
      const [, , codes = '', sentence = ''] = row.split('|')
      return [...codes.matchAll(/`([a-z-]+)`/g)].map(([, code]) => [code!, sentence.trim()] as const)
    }),
  )
}

const literals = (text: string) => [...text.matchAll(/'([a-z]+(?:-[a-z]+)+)'/g)].map(([, code]) => code!)

/** What is written as the code of an error: first of a BuildError, on a line about a code, or a kind of git's messages. */
const thrown = (): string[] =>
  files.flatMap((file) => {
    const text = source(file)
    const first = [...text.matchAll(/new BuildError\(\s*([^,]+),/g)].flatMap(([, code]) => literals(code!))
    const about = text.split('\n').filter((line) => /code/i.test(line))
    const kinds = file.endsWith('git-error.ts')
      ? [...text.matchAll(/^\s*\[?\s*('[a-z-]+'),/gm)].map(([, code]) => code!)
      : []
    return [...first, ...literals(about.join('\n')), ...literals(kinds.join('\n'))]
  })

it('every code that is thrown is listed, once', () => {
  const known = listed()
  expect(known.length).toBeGreaterThan(50)
  expect(known).toEqual([...new Set(known)])
  expect([...new Set(thrown())].filter((code) => !known.includes(code) && !elsewhere.includes(code))).toEqual([])
})

it('every code that is listed is thrown', () => {
  const code = [...files, 'src/registry/registry-error.ts'].map(source).join('\n')
  const isWritten = (name: string) =>
    code.includes(`'${name}'`) || (name.endsWith('-outside-checkout') && code.includes('}-outside-checkout`'))
  expect(listed().filter((name) => !isWritten(name))).toEqual([])
})

it("a registry's codes are listed", () => {
  const [, union = ''] = source('src/registry/registry-error.ts').split('type RegistryErrorCode =')
  const codes = [...union.split('const ')[0]!.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code!)
  expect(codes.length).toBeGreaterThan(5)
  expect(codes.filter((code) => !listed().includes(code))).toEqual([])
})

it('every code has the sentence that is written down, for those who may not build; what nobody knows has one too', () => {
  const written = sentences()
  expect([...written.keys()].sort()).toEqual(listed().sort())
  for (const [code, sentence] of written) expect([code, failureWords(code)]).toEqual([code, sentence])
  const strange = failureWords('of another build service')
  expect([...written.values(), '']).not.toContain(strange)
  expect(failureWords(null)).toBe(strange)
})

it('a message is told to who may build, and to nobody else', () => {
  const failure = { code: 'git-auth', message: 'https://git.test/secret.git refuses us', retryable: true }
  expect(failureFor(failure, true)).toEqual(failure)
  expect(failureFor(failure, false)).toEqual({ ...failure, message: 'its source could not be fetched' })
})
