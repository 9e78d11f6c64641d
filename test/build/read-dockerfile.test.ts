// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile
import { execFile } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { dockerfileText } from '../../src/build/dockerfile-text.ts'
import { readDockerfile } from '../../src/build/read-dockerfile.ts'

/** What became of a reading, and how many turns this process took before it heard of it: none where it did the work itself. */
async function outcomeOf(reading: Promise<unknown>): Promise<{ code: unknown; ticks: number }> {
  let ticks = 0
  let isDone = false
  const settled = reading
    .then(
      () => 'read',
      (error: { code?: unknown }) => error.code,
    )
    .finally(() => {
      isDone = true
    })
  while (!isDone) {
    await (ticks === 0 ? setImmediate() : setTimeout(5))
    if (!isDone) ticks++
  }
  return { code: await settled, ticks }
}

const scratch = 'FROM scratch\n'
const pattern = `ARG X=${'a'.repeat(999)}\nARG P=*${'a'.repeat(499)}b\nARG Y=${'${X##$P}'.repeat(40)}\n${scratch}`
const hostile: [string, string][] = [
  ['escapes after <', `${scratch}LABEL x="<${'\\'.repeat(40)}"\n`],
  ['stages', scratch.repeat(19_000)],
  ['doubled escapes', `${scratch}RUN a\\\\\n${'a\\\\\n'.repeat(40_000)}a\n`],
  ['blanks', `${scratch}RUN x${' '.repeat(250_000)}x\n`],
  ['blanks in a directive', `# a=x${' '.repeat(250_000)}x\n${scratch}`],
  ['empty lines', `${'\n'.repeat(250_000)}${scratch}`],
  ['patterns', pattern],
  ['marks of heredocs', `${scratch}RUN ${'<<a'.repeat(60_000)}\n${'x\n'.repeat(20_000)}`],
  ['open braces', `${scratch}RUN ${'<${'.repeat(80_000)}\n`],
  ['a long beginning', `${scratch}RUN ${' '.repeat(125_000)}\\\n${'a\\\n'.repeat(40_000)}a\n`],
  ['triggers', `${scratch}${Array.from({ length: 7000 }, (_, i) => `ONBUILD COPY --from=a${i} a b\n`).join('')}`],
]

describe('a Dockerfile made to keep its reader busy', () => {
  it.each(hostile)('of %s ends by itself, and nothing else waits for it', async (_, text) => {
    const readings = [
      readDockerfile(undefined, 'checkDockerfile', text, new Map()),
      readDockerfile(undefined, 'readUses', text, {}),
      readDockerfile(undefined, 'needsBuildKit', text),
      readDockerfile(undefined, 'declaredArgs', { TARGETPLATFORM: 'linux/amd64' }, text),
    ]
    for (const { code, ticks } of await Promise.all(readings.map(outcomeOf))) {
      expect(['read', 'dockerfile-invalid']).toContain(code)
      expect(ticks).toBeGreaterThan(0)
    }
    expect(await readDockerfile(undefined, 'needsBuildKit', 'FROM a\nRUN --mount=type=ssh a\n')).toBe(true)
  })
})

describe('a reader without end', () => {
  const subject = { digest: `sha256:${'a'.repeat(64)}`, platform: null }
  const many = Array(2_000_000).fill(subject)
  it.each([
    // Each of its strings is one of its own there: more than the heap.
    ['much memory', () => readDockerfile(undefined, 'sourcesOfTriggers', Array(10_000_000).fill('abc'))],
    ['long', () => readDockerfile(undefined, 'declaredByRecipe', 'h.io/a:1', many, scratch, {}, null)],
  ])('is ended when it takes too %s', async (much, read) => {
    const reading = read()
    const { code, ticks } = await outcomeOf(reading)
    expect(code).toBe('dockerfile-invalid')
    expect(ticks).toBeGreaterThan(0)
    await expect(reading).rejects.toThrow(`takes too ${much} to read`)
    await expect(readDockerfile(undefined, 'readUses', scratch, {})).resolves.toMatchObject({ uses: [] })
  })
})

describe('a Dockerfile is read elsewhere', () => {
  it('with the same result', async () => {
    const text = 'ARG A=1\nFROM h.io/a:$A AS x\nFROM x\nARG TARGETARCH\n'
    const read = await readDockerfile(undefined, 'readUses', text, { A: '2' })
    expect(read.uses.map((use) => use.reference.tag)).toEqual(['2'])
    expect(await readDockerfile(undefined, 'declaredArgs', { TARGETARCH: 'arm64', TARGETOS: 'x' }, text)).toEqual({
      TARGETARCH: 'arm64',
    })
    const base = `h.io/a@sha256:${'a'.repeat(64)}`
    const allowed = new Map([[base, ['COPY --from=0 a b']]])
    await expect(readDockerfile(undefined, 'checkDockerfile', `FROM ${base}\n`, allowed)).rejects.toMatchObject({
      code: 'onbuild-refused',
    })
  })

  it('with the same error', async () => {
    const { BuildError } = await import('../../src/build/build-error.ts')
    const error = await readDockerfile(undefined, 'readUses', scratch, {}, {}, 'y').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BuildError)
    expect(error).toMatchObject({
      code: 'target-absent',
      message: 'the Dockerfile has no stage y',
      retryable: false,
    })
  })

  it('by a process that ends when it has nothing else to do', async () => {
    const module = JSON.stringify(new URL('../../src/build/read-dockerfile.ts', import.meta.url).href)
    const script = `const { readDockerfile } = await import(${module})
      console.log(await readDockerfile(undefined, 'needsBuildKit', 'FROM a'))`
    const ran = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    expect(ran.stdout).toBe('false\n')
  })

  it('until somebody stops it', async () => {
    const stop = new AbortController()
    const reading = readDockerfile(stop.signal, 'checkDockerfile', scratch.repeat(19_000), new Map())
    stop.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    await expect(readDockerfile(stop.signal, 'needsBuildKit', scratch)).rejects.toThrow('enough')
    expect(await readDockerfile(undefined, 'needsBuildKit', scratch)).toBe(false)
  })
})

describe('a file', () => {
  it('of more than 256 KiB is not even read', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'drydock-dockerfile-'))
    try {
      const file = join(dir, 'Dockerfile')
      await writeFile(file, scratch)
      expect(await dockerfileText(file)).toBe(scratch)
      await truncate(file, 256 * 1024)
      expect((await dockerfileText(file)).length).toBe(256 * 1024)
      // More than a string can hold: reading it could only fail otherwise.
      await truncate(file, 2 ** 40)
      await expect(dockerfileText(file)).rejects.toMatchObject({ code: 'dockerfile-invalid', retryable: false })
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })
})
