// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile
import { describe, expect, it } from '@jest/globals'
import { checkDockerfile, sourcesOfTrigger } from '../../../src/build/dockerfile-check/check-dockerfile.ts'

const a = `h.io/lib/a@sha256:${'a'.repeat(64)}`
const b = `h.io/lib/b@sha256:${'b'.repeat(64)}`
const check = (text: string, triggers: string[] = []) =>
  checkDockerfile(
    text,
    new Map([
      [a, triggers],
      [b, []],
    ]),
  )

describe('the check of a Dockerfile lets through what people write', () => {
  it.each([
    ['one stage', `FROM ${a}\nRUN true\n`],
    ['CRLF', `# c\r\nFROM ${a}\r\nRUN a \\\r\n  && b \\\r\n  # c\r\n  && c\r\nCOPY x y\r\n`],
    ['tabs, lower case, blanks', `\t from\t${a}  as\tBase \n from base\n\tcopy\t--from=base  a\tb  \n\n \t\n`],
    ['a byte order mark', `\uFEFF# escape=\\\nFROM ${a}`],
    ['ARG before FROM, a platform', `ARG V=1\nARG B=x\nFROM --platform=linux/amd64 ${a} AS b-1_2.x\nFROM b-1_2.x\n`],
    ['scratch', `FROM scratch\nCOPY --chmod=755 --chown="0:0" --link --exclude=*.md --parents a b /\n`],
    [
      'stages by name and number',
      `FROM ${a} AS x\nFROM ${b}\nCOPY --from=x a b\nCOPY --from=0 a b\nRUN --mount=type=bind,from=x,target=/x true\n`,
    ],
    ['what is empty', `FROM ${a}\nCOPY --from=scratch / /x\nRUN --mount=type=bind,from=scratch,target=/y true\n`],
    [
      'foreign contents',
      `FROM ${a}\nCOPY --from=${b} a b\nRUN --mount=from=${b},target=/y --network=none --security=insecure true\n`,
    ],
    [
      'mounts',
      `FROM ${a}\nRUN --mount=type=cache,id=x,target="/root/.cache" --mount=type=secret,id=s --mount=type=ssh,required=true a --from=x\n`,
    ],
    [
      'old instructions',
      `FROM ${a}\nMAINTAINER É <a@b>\nHEALTHCHECK NONE\nHEALTHCHECK --interval=5s CMD curl --fail x\n`,
    ],
    ['ADD', `FROM ${a}\nADD --checksum=sha256:00 --keep-git-dir=true https://h.io/x /\nADD --unpack x y\n`],
    ['a heredoc', `FROM ${a}\nRUN <<EOF\napt-get x\nFROM nothing\nCOPY --from=evil a b\nEOF\nUSER x\n`],
    ['a heredoc after a blank', `FROM ${a}\nRUN cat << EOF > /x\nFROM nothing\nEOF\n`],
    [
      'heredocs of all sorts',
      `FROM ${a}\nCOPY <<"A B" <<-'C' 3<<D /x/\nx\nA B\n\tFROM no\n\tC\ny\nD\nRUN cat <<EOF | sh\necho\nEOF\n`,
    ],
    [
      'what looks like a heredoc',
      `FROM ${a}\nRUN echo "<<A" $((1<<2)) $((1 << $N)) <<< x && cat '<<B'\nRUN ["cat", "<<C"]\nCMD cat <<D\n`,
    ],
    ['another escape', `# escape=\`\nFROM \`\n ${a}\nRUN dir C:\\\nCOPY a C:\\x\\\n`],
    ['syntax and escape', `# syntax=docker/dockerfile:1.7-labs\n# escape=\`\nFROM \`\n${a}\nRUN x C:\\\n`],
    [
      'frontends of Docker',
      `#syntax = docker.io/docker/dockerfile-upstream:master@sha256:${'0'.repeat(64)}\nFROM ${a}`,
    ],
    [
      'blanks that are text',
      `# a\u00a0comment\nFROM ${a}\nLABEL x="a\u00a0b\u2003c" y=\f\nRUN echo \u00a0 é \x1b[0m\n\u00a0\n`,
    ],
    ['a line that ends in two escapes', `FROM ${a}\nENV D=C:\\\\\nRUN true\n`],
    ['empty lines and comments inside', `FROM ${a}\nRUN a && \\\n\n  # FROM x\n# COPY --from=x\n  b\n`],
    [
      'triggers for others',
      `FROM ${a} AS x\nONBUILD COPY --from=theirs a b\nONBUILD RUN <<EOF\nFROM x\nEOF\nFROM ${b}\nCOPY --from=x a b\n`,
    ],
    ['triggers for itself', `FROM ${b} AS y\nFROM ${a} AS x\nONBUILD COPY --from=y a b\nFROM x\n`],
  ])('%s', (_name, text) => expect(() => check(text)).not.toThrow())

  it.each([
    'read -r a b <<<"${VERSION%%-*}"',
    'sha256sum -c <<<"${SHA:?} file"',
    'read -ra parts <<< "${VERSION:-1} x"',
    'grep -q x <<<"${A:-b}" && cat <<<$(ls)',
    'echo $((1<<${N:-4}))',
    "grep '\\<\\<' f",
    'echo "$X<$Y<$Z" "${X:-a<<b}"',
    'cat <(echo a) < <(ls ${D:-/}) 3<&- ${B:-<b>}',
    'echo "<<<<<<< ${A:-b}" <<<${C:+d}',
    'perl -e \'print <<"E";\' ${X:-y}',
  ])('RUN %s, which no parser takes for a heredoc', (command) => {
    for (const instruction of ['RUN', 'ONBUILD RUN']) check(`FROM ${a}\n${instruction} ${command}\nRUN true\n`)
  })

  it.each([
    'CMD psql <<<"${X:-y}" ${A:-<<b}',
    'ENTRYPOINT ["sh", "-c", "cat <<"${X:-y}" <$Y<z"]',
    'ENV A="<<${B:-c}" B=${C:-<<D}',
    'LABEL a=<$X<Y',
    'HEALTHCHECK CMD grep x <$X<Y',
  ])('%s, which holds no heredocs', (instruction) => check(`FROM ${a}\n${instruction}\nRUN true\n`))

  it('lets a base have triggers', () => {
    check(`FROM ${b} AS builder\nFROM ${a}`, [
      'COPY --from=builder a b',
      'COPY . /',
      `RUN --mount=from=${b} x`,
      'RUN <<EOF\nFROM x\nEOF',
    ])
    expect(sourcesOfTrigger(`COPY --chown=0 --from=${b} a b`)).toEqual([b])
  })
})

describe('the check of a Dockerfile refuses', () => {
  const start = `FROM ${a} AS x\n`
  it.each([
    ['a name', `FROM debian`, 1],
    ['a short id', `FROM 9ad7ba32825c`, 1],
    ['an id', `FROM sha256:${'a'.repeat(64)}`, 1],
    ['a digest that was not resolved', `FROM h.io/lib/a@sha256:${'c'.repeat(64)}`, 1],
    ['another name of a digest', `${start}COPY --from=h.io/lib/z@sha256:${'a'.repeat(64)} a b`, 2],
    ['COPY of an id', `${start}COPY --from=sha256:${'b'.repeat(64)} a b`, 2],
    ['a mount of an id', `${start}RUN --mount=type=bind,from=9ad7ba32825c,target=/x true`, 2],
    ['a variable', `ARG B=${a}\nFROM $B`, 2],
    ['quotes', `FROM "${a}"`, 1],
    ['capitals of scratch', 'FROM SCRATCH', 1],
    ['capitals of scratch in COPY', `${start}COPY --from=Scratch a b`, 2],
    ['a mount of a number, which is a name', `${start}FROM ${b}\nRUN --mount=from=0,target=/x true`, 3],
    ['a mount of a number in a trigger for itself', `${start}ONBUILD RUN --mount=from=0,target=/x true\nFROM x`, 3],
    ['a stage of itself', `${start}COPY --from=x a b`, 2],
    ['a stage of itself, by number', `${start}COPY --from=0 a b`, 2],
    ['a later stage', `${start}COPY --from=y a b\nFROM ${b} AS y`, 2],
    ['a later stage, by number', `${start}COPY --from=1 a b\nFROM ${b} AS y`, 2],
    ['a number that is none', `${start}FROM ${b}\nCOPY --from=+0 a b`, 3],
    ['FROM a number', `${start}FROM 0`, 2],
    ['a mount of itself', `${start}RUN --mount=from=x,target=/y true`, 2],
    ['quotes around a flag', `${start}COPY --"from"=evil a b`, 2],
    ['an escape in a flag', `${start}COPY --fr\\om=evil a b`, 2],
    ['a mount with capitals', `${start}RUN --mount=type=bind,FROM=evil,target=/x true`, 2],
    ['a mount in CSV', `${start}RUN --mount='"from=evil"',target=/x true`, 2],
    ['two sources, the first good', `${start}COPY --from=${b} --from=evil a b`, 2],
    ['a flag whose value comes after', `${start}COPY --from evil a b`, 2],
    ['a flag after a value of a flag', `${start}COPY --link true --from=evil a b`, 2],
    ['a vertical tab before', `${start}\vCOPY --from=evil a b`, 2],
    ['a form feed before', `${start}\fCOPY --from=evil a b`, 2],
    ['a no-break space before', `${start}\u00a0COPY --from=evil a b`, 2],
    ['a line separator before', `${start}\u2028COPY --from=evil a b`, 2],
    ['a next line before', `${start}\u0085COPY --from=evil a b`, 2],
    ['a vertical tab after', `${start}COPY\v--from=evil a b`, 2],
    ['a form feed between flags', `${start}COPY --link\f--from=evil a b`, 2],
    ['a letter of which Docker reads bytes', `${start}COPY --chown=à--from=evil a b`, 2],
    ['a carriage return', `${start}RUN x\rCOPY --from=evil a b`, 2],
    ['a blank in FROM', `FROM ${a}\u00a0AS x`, 1],
    ['a blank after a lone escape', `${start}\\\n\u00a0COPY --from=evil a b`, 2],
    ['a keyword that Go alone takes for one', `${start}ONBU\u0130LD COPY --from=evil a b`, 2],
    ['an unknown instruction', `${start}INCLUDE evil`, 2],
    ['an unknown flag', `${start}RUN --image=evil true`, 2],
    ['a trigger of a trigger', `${start}ONBUILD ONBUILD RUN x`, 2],
    ['a heredoc of other parsers', `${start}RUN cat << RUN\nCOPY --from=evil a b\nRUN x\nRUN\n`, 3],
    ['what is no heredoc for older parsers', `${start}RUN <<USER\nCOPY --from=evil a b \\\nUSER\n`, 3],
    ['a heredoc in a variable', `${start}RUN cat \${X:-<<RUN}\nRUN a\nRUN\nCOPY a b`, 2],
    ['a heredoc of escapes', `${start}RUN cat \\<\\<RUN\nRUN a\nRUN\n`, 2],
    ['a heredoc out of the words of a variable', `${start}RUN cat \${X:-a \\<\\<RUN }\nRUN a\nRUN\n`, 2],
    ['a name with the words of a variable', `${start}RUN cat <<\${X:-RUN}\nRUN a\nRUN\n`, 2],
    ['a heredoc beside a here-string', `${start}RUN cat <$X<RUN <<<"\${V%%-*}"\nRUN\n`, 2],
    ['a heredoc with a variable in the mark', `${start}RUN cat <$X<RUN\nRUN\n`, 2],
    ['a heredoc that hides an instruction from newer parsers', `${start}RUN "a <<RUN"\nCOPY --from=evil a b\nRUN\n`, 3],
    ['a doubled escape', `${start}RUN x \\\\\nCOPY --from=evil a b`, 3],
    ['an escape that is one for some', `# x\n# escape=\`\n${start}RUN x \`\nCOPY --from=evil a b`, 5],
    ['an escape that is none for some', `# x\n# escape=\`\n${start}RUN x \\\nCOPY --from=evil a b`, 5],
    ['a trigger for itself', `${start}ONBUILD COPY --from=evil a b\nFROM x`, 3],
    ['a stage called scratch with a trigger', `FROM ${a} AS scratch\nONBUILD COPY --from=evil a b\nFROM scratch`, 3],
    ['a later stage in a trigger for itself', `${start}ONBUILD COPY --from=y a b\nFROM x AS y`, 3],
    ['JSON', '{"syntax": "h.io/evil"}', 1],
    ['a comment of another language', `// syntax=docker/dockerfile:1\n${start}`, 1],
    ['too much', `${start}RUN ${'x'.repeat(300_000)}`, 1],
    ['what takes for ever', `${start}${'RUN <<A <<B\n'.repeat(8000)}A\nB\n`, 1],
  ])('%s', (_name, text, line) => {
    expect(() => check(text)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^(dockerfile-invalid|onbuild-refused)$/),
        message: expect.stringMatching(line === 1 ? /^line \d+: / : new RegExp(`^line ${line}: `)),
      }),
    )
  })

  it.each([
    'h.io/evil',
    'docker/dockerfile-evil',
    'docker/dockerfile/x',
    'docker/dockerfile:1 h.io/x',
    'DOCKER/dockerfile',
    'h.io/docker/dockerfile:1',
  ])('the frontend %s', (name) => {
    for (const head of ['# syntax=', '#\tSyntax = ', ' # syntax=', '# x=y\n# syntax=', '\n# syntax=', '#!/x\n#syntax='])
      expect(() => check(`${head}${name}\n${start}`)).toThrow(expect.objectContaining({ code: 'frontend-refused' }))
  })

  it.each([
    'COPY --from=evil a b',
    `COPY --from=h.io/x:1 a b`,
    'RUN --mount=from=evil true',
    'RUN --mount=from=0 true',
    '\vCOPY --from=evil a b',
    '# escape=`\nCOPY --from=evil a b',
    'FROM x',
    'ONBUILD RUN x',
    'RUN x\nCOPY --from=evil a b',
    'what',
  ])('a base with the trigger %j', (trigger) => {
    expect(() => check(start, ['RUN true', trigger])).toThrow(expect.objectContaining({ code: 'onbuild-refused' }))
  })
})
