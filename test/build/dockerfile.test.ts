// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile
import { describe, expect, it } from '@jest/globals'
import { readBases, readUses } from '../../src/build/dockerfile.ts'
import { needsBuildKit } from '../../src/build/needs-buildkit.ts'
import { rewritten } from '../../src/build/places.ts'
import { formatReference } from '../../src/oci/reference.ts'

const digest = `sha256:${'a'.repeat(64)}`

const bases = (text: string, args: Record<string, string> = {}, builtin: Record<string, string> = {}) =>
  readBases(text, args, builtin).map((use) => `${use.role} ${formatReference(use.reference)}`)

describe('the bases of a Dockerfile', () => {
  const cases: [string, string, Record<string, string>, string[]][] = [
    ['one FROM', 'FROM debian', {}, ['runtime docker.io/library/debian:latest']],
    ['scratch is none', 'FROM scratch\nCOPY a /', {}, []],
    ['a registry with a port', 'FROM localhost:5000/lib/base:1', {}, ['runtime localhost:5000/lib/base:1']],
    ['ARG before FROM, its default', 'ARG B=h.io/a:1\nFROM $B', {}, ['runtime h.io/a:1']],
    ['a build argument beats the default', 'ARG B=h.io/a:1\nFROM ${B}', { B: 'h.io/b:2' }, ['runtime h.io/b:2']],
    ['an argument nobody declared has no value', 'FROM h.io/a${X}:1', { X: 'y' }, ['runtime h.io/a:1']],
    ['a default in the word', 'FROM ${B:-h.io/a:1}', {}, ['runtime h.io/a:1']],
    ['an empty argument takes the default', 'ARG B\nFROM ${B:-h.io/a:1}', { B: '' }, ['runtime h.io/a:1']],
    ['an alternative', 'ARG V=1\nFROM h.io/a:${V:+v$V}', {}, ['runtime h.io/a:v1']],
    ['a prefix cut off', 'ARG V=v1.2\nFROM h.io/a:${V#v}', {}, ['runtime h.io/a:1.2']],
    ['the longest prefix', 'ARG V=a/b/c\nFROM h.io/${V##*/}:1', {}, ['runtime h.io/c:1']],
    ['a suffix cut off', 'ARG V=1.2.3\nFROM h.io/a:${V%.*}', {}, ['runtime h.io/a:1.2']],
    ['the longest suffix', 'ARG V=1.2.3\nFROM h.io/a:${V%%.*}', {}, ['runtime h.io/a:1']],
    ['something in its place', 'ARG V=1_2_3\nFROM h.io/a:${V/_/-}', {}, ['runtime h.io/a:1-2_3']],
    ['everywhere', 'ARG V=1+2+3\nFROM h.io/a:${V//+/-}', {}, ['runtime h.io/a:1-2-3']],
    ['a pattern that does not fit', 'ARG V=1.2\nFROM h.io/a:${V%x*}', {}, ['runtime h.io/a:1.2']],
    ['arguments of arguments, quotes', 'ARG H="h.io" T=\'1\'\nARG B="$H/a:${T}"\nFROM "$B"', {}, ['runtime h.io/a:1']],
    [
      'an ARG inside a stage is no global',
      'FROM h.io/a:1\nARG T=2\nFROM h.io/b:${T:-3}',
      {},
      ['build h.io/a:1', 'runtime h.io/b:3'],
    ],
    [
      'several stages',
      'FROM h.io/a:1 AS x\nFROM h.io/b:1\nCOPY --from=x /f /f',
      {},
      ['build h.io/a:1', 'runtime h.io/b:1'],
    ],
    [
      'the last stage continues another',
      'FROM h.io/a:1 AS x\nFROM h.io/b:1 as Y\nFROM X',
      {},
      ['runtime h.io/a:1', 'build h.io/b:1'],
    ],
    ['an alias that shadows a base', 'FROM h.io/a:1 AS debian\nFROM debian', {}, ['runtime h.io/a:1']],
    [
      'COPY --from by number',
      'FROM h.io/a:1\nFROM h.io/b:1\nCOPY --from=0 a b',
      {},
      ['build h.io/a:1', 'runtime h.io/b:1'],
    ],
    [
      'COPY --from of something foreign',
      'FROM h.io/b:1\nCOPY --chown=0 --from=h.io/c:1 a b',
      {},
      ['runtime h.io/b:1', 'build h.io/c:1'],
    ],
    [
      'RUN --mount from',
      'FROM h.io/b:1\nRUN --mount=type=bind,from=h.io/c:1,target=/x --mount=type=cache,target=/y echo from=no',
      {},
      ['runtime h.io/b:1', 'build h.io/c:1'],
    ],
    ['a platform', 'FROM --platform=linux/arm64 h.io/b:1', {}, ['runtime h.io/b:1']],
    ['continuation and comments', '# FROM x\nFROM \\\n# no\n  h.io/b:1 \\\n AS z', {}, ['runtime h.io/b:1']],
    ['a heredoc', 'FROM h.io/b:1\nRUN <<EOF\nFROM nothing\nEOF', {}, ['runtime h.io/b:1']],
    ['a digest', `FROM h.io/b:1@${digest}`, {}, [`runtime h.io/b:1@${digest}`]],
    ['the same base twice', 'FROM h.io/b:1 AS x\nFROM h.io/b:1', {}, ['build h.io/b:1', 'runtime h.io/b:1']],
  ]
  it.each(cases)('%s', (_name, text, args, expected) => {
    expect(bases(text, args)).toEqual(expected)
  })

  const mounts = [
    'RUN --mount=type=bind,from=h.io/c:1,target=/x \\',
    '  # FROM h.io/no:1',
    '  --mount=type=bind,from=b,target=/y --mount=from=h.io/d:1,target=/z <<EOF',
    'FROM h.io/no:2',
    'COPY --from=h.io/no:3 a b',
    'EOF',
  ].join('\n')
  const body = 'FROM h.io/no:1\nCOPY --from=h.io/no:2 a b'
  const around: [string, string][] = [
    ['several mounts and a heredoc', mounts],
    ['a heredoc for another descriptor', `RUN cat 3<<EOF\n${body}\nEOF`],
    ['two heredocs', `COPY <<A <<B /x/\n${body}\nA\n${body}\nB`],
    ['a heredoc in quotes', `RUN <<'EOF'\n${body}\nEOF`],
    ['a heredoc whose name has a blank', `COPY <<"my file" /x\n${body}\nmy file`],
    ['a heredoc with tabs', `RUN <<-EOF\n\t${body}\n\tEOF`],
    ['a heredoc that does not end at a similar line', `RUN <<EOF\n${body}\n EOF\nEOF`],
    ['a heredoc with an interpreter', `RUN <<EOF bash -ex\n${body}\nEOF`],
    ['a heredoc with CRLF', `RUN <<EOF\r\n${body.replace('\n', '\r\n')}\r\nEOF\r`],
    ['ADD with a heredoc', `ADD <<EOF /x\n${body}\nEOF`],
    ['ONBUILD with a heredoc', `ONBUILD RUN <<EOF\n${body}\nEOF`],
    ['what only looks like a heredoc: quotes', 'RUN echo "a <<EOF" && cat \'<<EOF\''],
    ['what only looks like a heredoc: JSON', 'RUN ["sh", "-c", "cat <<EOF"]'],
    ['what only looks like a heredoc: a shift, a here-string', 'RUN echo $((1 << 2)) $((1<<2)) <<< "x"'],
    ['a line that ends in two escapes', 'RUN dir C:\\\\'],
    ['an ENV that ends in two escapes', 'ENV DIR=C:\\\\'],
    ['empty lines and comments inside an instruction', 'RUN a && \\\n\n  # FROM h.io/no:1\n\n  b'],
    ['a quoted line break', 'LABEL x="a \\\nFROM h.io/no:1"'],
  ]
  it.each(around)('nothing of it is read as a base, nothing after it is lost: %s', (name, text) => {
    const all = bases(`FROM h.io/b:1 AS b\n${text}\nFROM h.io/end:1\n`)
    const mounted = name === 'several mounts and a heredoc' ? ['build h.io/c:1', 'build h.io/d:1'] : []
    expect(all).toEqual(['build h.io/b:1', ...mounted, 'runtime h.io/end:1'])
  })

  it.each([
    ['escape', '# escape=`\nFROM `\n  h.io/a:1 AS x\nRUN dir C:\\\nFROM x', ['runtime h.io/a:1']],
    [
      'syntax and escape',
      '# syntax=docker/dockerfile:1\n# escape=`\nFROM h.io/a`\n:1\nRUN C:\\\n',
      ['runtime h.io/a:1'],
    ],
    [
      'an escape after the first instruction is a comment',
      'FROM h.io/a:1\n# escape=`\nRUN a \\\n b\nFROM h.io/b:1',
      ['build h.io/a:1', 'runtime h.io/b:1'],
    ],
    ['a byte order mark', '\uFEFF# syntax=h.io/front:1\nFROM h.io/a:1', ['runtime h.io/a:1']],
    ['lower case', 'arg B=h.io/a:1\nfrom $B as X\ncopy --from=x a b\nfrom x', ['runtime h.io/a:1']],
  ])('directives: %s', (_name, text, expected) => {
    expect(bases(text)).toEqual(expected)
  })

  it('ARG between FROMs counts for its stage alone', () => {
    const text = 'ARG V=1\nFROM h.io/a:$V AS a\nARG V=2\nARG W=3\nFROM h.io/b:$V\nARG V\nFROM h.io/c:${W:-none}'
    expect(bases(text)).toEqual(['build h.io/a:1', 'build h.io/b:1', 'runtime h.io/c:none'])
  })

  it('what cannot be resolved does not cost the rest', () => {
    const text = 'ARG A\nFROM $A AS a\nFROM h.io/b:$A AS b\nFROM h.io/c:1\nCOPY --from=a x y\nCOPY --from=$A x y'
    const { uses, unresolved } = readUses(text, {})
    expect(uses.map((use) => `${use.role} ${formatReference(use.reference)}`)).toEqual(['runtime h.io/c:1'])
    expect(unresolved.map(({ role, line }) => `${role} ${line}`)).toEqual(['build 2', 'build 3', 'build 6'])
    expect(readUses('FROM h.io/a:1 AS a\nFROM ${B^^} AS c\nFROM c', {}).unresolved).toMatchObject([
      { role: 'runtime', line: 2 },
    ])
    expect(readUses('ARG B=${A^^}\nFROM ${B:-h.io/a:1}', {}).uses).toHaveLength(1)
  })

  it("knows the builder's own arguments, and what the recipe gives beats them", () => {
    expect(bases('FROM h.io/a-$TARGETARCH:1', {}, { TARGETARCH: 'arm64' })).toEqual(['runtime h.io/a-arm64:1'])
    const [use] = readBases('FROM --platform=$BUILDPLATFORM h.io/a:1', {}, { BUILDPLATFORM: 'linux/amd64' })
    expect(use?.platform).toBe('linux/amd64')
  })

  it.each([
    ['no FROM at all', 'RUN true', 'dockerfile-invalid'],
    ['an argument without a value', 'ARG B\nFROM $B', 'unresolved-arg'],
    ['an argument that must be given', 'FROM ${B:?name it}', 'unresolved-arg'],
    ['a modifier nobody can resolve here', 'ARG B=x\nFROM ${B^^}', 'unresolved-arg'],
    ['a variable where none is expanded', 'FROM h.io/a:1\nCOPY --from=$B a b', 'unresolved-arg'],
    ['what is no reference', 'FROM h.io/A:1', 'base-invalid'],
    ['a short id', 'FROM 9ad7ba32825c', 'base-invalid'],
    ['an id', `FROM h.io/a:1\nCOPY --from=${digest} a b`, 'base-invalid'],
    ['an id without its algorithm', `FROM ${'a'.repeat(64)}`, 'base-invalid'],
    ['a replacement by pattern', 'ARG V=1.2\nFROM h.io/a:${V/.*/x}', 'unresolved-arg'],
    [
      'a pattern that would take for ever',
      `ARG V=${'a'.repeat(9000)}\nFROM ${'${V##'}${'*a'.repeat(400)}b}`,
      'unresolved-arg',
    ],
    ['a part without a value', 'ARG V\nFROM h.io/a:$V', 'unresolved-arg'],
    ['the number of a stage that is not there', 'FROM h.io/a:1\nCOPY --from=1 a b', 'dockerfile-invalid'],
    ['a heredoc that does not end', 'FROM h.io/a:1\nRUN <<EOF\ntrue\n', 'dockerfile-invalid'],
    ['an empty file', '', 'dockerfile-invalid'],
    ['what is no text', '\0\x01\xff\0', 'dockerfile-invalid'],
  ])('refuses %s', (_name, text, code) => {
    expect(() => bases(text)).toThrow(expect.objectContaining({ code }))
  })

  it('is rewritten at exactly those places', () => {
    const text =
      'ARG B=h.io/a:1\r\nFROM --platform=linux/amd64 $B AS b\r\nFROM h.io/a:1\nCOPY --from=h.io/c:1 /a /h.io/c:1\nFROM b\n'
    const edits = readBases(text, {}).map((use) => ({ ...use, text: `<${formatReference(use.reference)}>` }))
    const out = rewritten(text, edits)
    expect(out).toBe(
      'ARG B=h.io/a:1\r\nFROM --platform=linux/amd64 <h.io/a:1> AS b\r\nFROM <h.io/a:1>\nCOPY --from=<h.io/c:1> /a /h.io/c:1\nFROM b\n',
    )
  })
})

describe('what is written out before another parser reads it', () => {
  it.each([
    ['ARG S=build\nFROM h.io/a:1 AS build-x\nFROM ${S}-x', 'FROM build-x'],
    ['FROM h.io/a:1 AS Base\nFROM BASE', 'FROM base'],
    ['ARG B=scratch\nFROM $B', 'FROM scratch'],
    ['FROM h.io/a:1 AS x\nFROM "x"', 'FROM x'],
    ['FROM h.io/a:1 AS b\nFROM --platform=$BUILDPLATFORM h.io/b:1', 'FROM --platform=linux/amd64 h.io/b:1'],
    ['FROM h.io/a:1 AS B\nCOPY --from=B x y', 'COPY --from=b x y'],
    ['FROM h.io/a:1 AS b\nCOPY --from=0 x y', 'COPY --from=0 x y'],
  ])('%j', (text, last) => {
    const out = rewritten(text, readUses(text, {}, { BUILDPLATFORM: 'linux/amd64' }).edits)
    expect(out.split('\n').at(-1)).toBe(last)
  })
})

describe('a Dockerfile that only BuildKit understands', () => {
  it.each([
    ['# syntax=docker/dockerfile:1\nFROM a', true],
    ['FROM a\nRUN --mount=type=cache,target=/x true', true],
    ['FROM a\nrun --network=none true', true],
    ['FROM a\nCOPY --from=b --link x y', true],
    ['FROM a\nADD --chmod=755 x y', true],
    ['FROM a\nRUN <<EOF\ntrue\nEOF', true],
    ['FROM a\nCOPY <<"EOF" /x\ntrue\nEOF', true],
    ['FROM a\nRUN echo $((1<<2)) --mount=x', false],
    ['FROM a\nRUN echo $((1<<A))', false],
    ['FROM a\n# syntax=not/at/the/top\nRUN true', false],
    ['# escape=\\\n# syntax=docker/dockerfile:1\nFROM a', true],
    ['FROM a\nRUN echo "<<X" \'<<Y\'', false],
    ['FROM a\nRUN cat \\\n <<-X\n\tX\n', true],
    ['# a syntax = no directive\nFROM a\nCOPY --from=b --chown=0 x /link', false],
    ['FROM a\nRUN \\\n  --mount=type=cache,target=/x true', true],
    ['FROM a\nCOPY \\\n  # why\n\n  --link \\\n a b', true],
    ['FROM a\nCOPY --chown=x \\\n --chmod=755 a b', true],
    ['FROM a\nRUN --device=x true', true],
    ['FROM a\nONBUILD RUN --mount=type=cache,target=/x true', true],
    ['FROM a\nonbuild copy --chmod=1 a b', true],
    ['FROM a\nADD --keep-git-dir=true https://h.io/a.git b', true],
    ['FROM a\nADD \\\n https://h.io/a.git#v1 b', true],
    ['FROM a\nADD ["git@h.io:a/b.git", "/b"]', true],
    ['FROM a\nADD https://h.io/a.tar.gz /b', false],
    ['FROM a\nCOPY --from=scratch / /b', true],
    ['FROM a\n# RUN --mount=x\nRUN echo \\\n RUN --mount=type=x', false],
    ['FROM a\nENV X=1 \\\n RUN --mount=type=x', false],
    ['FROM a\nRUN ["a", "--mount=b"]', false],
  ])('%j: %s', (text, expected) => {
    expect(needsBuildKit(text)).toBe(expected)
  })
})

describe('with a target stage', () => {
  const text = [
    'FROM h.io/tools:1 AS tools',
    'FROM h.io/unused:1 AS unused',
    'FROM h.io/base:1 AS base',
    'FROM base AS app',
    'COPY --from=tools /t /t',
    'COPY --from=h.io/files:1 /f /f',
    'FROM h.io/later:1',
    'RUN --mount=type=bind,from=unused true',
  ].join('\n')
  const counted = (target: string | null) =>
    readBases(text, {}, {}, target)
      .filter((use) => use.counts)
      .map((use) => `${use.role} ${formatReference(use.reference)}`)

  it.each([
    ['app', ['build h.io/tools:1', 'runtime h.io/base:1', 'build h.io/files:1']],
    ['APP', ['build h.io/tools:1', 'runtime h.io/base:1', 'build h.io/files:1']],
    ['0', ['runtime h.io/tools:1']],
    ['base', ['runtime h.io/base:1']],
    ['4', ['build h.io/unused:1', 'runtime h.io/later:1']],
  ])('%s counts what that stage needs', (target, wanted) => expect(counted(target)).toEqual(wanted))

  it('counts all where none is named', () => expect(counted(null)).toHaveLength(5))
  it.each(['none', '5', '-1'])('refuses %s', (target) => {
    expect(() => counted(target)).toThrow(expect.objectContaining({ code: 'target-absent' }))
  })
  it('does not mind what another stage leaves open', () => {
    expect(readBases('FROM $A AS a\nFROM h.io/b:1 AS b', {}, {}, 'b').filter((use) => use.counts)).toHaveLength(1)
    expect(() => readBases('FROM $A AS a\nFROM h.io/b:1 AS b', {}, {}, 'a')).toThrow('has no value')
  })
})

describe('what COPY and mounts name', () => {
  const names = (text: string, target: string | null = null) =>
    readUses(text, {}, {}, target).uses.map((use) => `${formatReference(use.reference)} ${use.counts}`)

  it('is an image where a mount names a number, which is a stage to COPY alone', () => {
    const stages = 'FROM h.io/a:1\nFROM h.io/b:1\n'
    expect(names(`${stages}COPY --from=0 x y`)).toEqual(['h.io/a:1 true', 'h.io/b:1 true'])
    expect(names(`${stages}RUN --mount=from=0,target=/x true`)).toContain('docker.io/library/0:latest true')
  })

  it('is nothing where they name scratch, but a stage of that name', () => {
    expect(names('FROM h.io/a:1\nCOPY --from=scratch / /x\nRUN --mount=from=scratch,target=/y true')).toEqual([
      'h.io/a:1 true',
    ])
    expect(names('FROM h.io/a:1 AS scratch\nFROM h.io/b:1 AS t\nCOPY --from=scratch / /x', 't')).toEqual([
      'h.io/a:1 true',
      'h.io/b:1 true',
    ])
  })

  it('is the last of two stages of one name; for FROM the last before it', () => {
    const two = 'FROM h.io/a:1 AS x\nFROM h.io/b:1 AS x\n'
    expect(names(`${two}FROM h.io/c:1 AS y\nCOPY --from=X / /`, 'y')).toEqual([
      'h.io/a:1 false',
      'h.io/b:1 true',
      'h.io/c:1 true',
    ])
    expect(names(`${two}FROM x AS y\nFROM h.io/c:1 AS x`, 'y')).toEqual([
      'h.io/a:1 false',
      'h.io/b:1 true',
      'h.io/c:1 false',
    ])
    expect(names(`FROM h.io/a:1 AS x\nFROM h.io/b:1 AS y\nRUN --mount=from=x true\nFROM h.io/c:1 AS x`, 'y')).toEqual([
      'h.io/a:1 false',
      'h.io/b:1 true',
      'h.io/c:1 true',
    ])
  })
})
