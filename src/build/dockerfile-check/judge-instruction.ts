import { fault } from './fault.ts'
import { hasHiddenHeredoc } from './heredocs-in.ts'
import { namesGit } from './names-git.ts'
import { readParts } from './read-flags.ts'

/** What an instruction is to a checker: `unknown` where Docker has none of that keyword, and so refuses the file before it does anything. */
export type Judged =
  | { kind: 'unknown'; keyword: string }
  | { kind: 'from'; name: string; stage: string | null }
  | { kind: 'other'; sources: string[] }
  | { kind: 'onbuild'; trigger: Exclude<Judged, { kind: 'unknown' | 'from' | 'onbuild' }> }

/** What an ADD takes from a git repository: a source like others, which a daemon that builds share may not give. */
export const gitSource = 'ADD from git, which this daemon would share with other builds,'

/** Which flags each instruction has; those that end in = need a value. */
const flagsOf: Record<string, readonly string[]> = {
  ADD: ['chown=', 'chmod=', 'checksum=', 'exclude=', 'link', 'keep-git-dir', 'unpack'],
  ARG: [],
  CMD: [],
  COPY: ['from=', 'chown=', 'chmod=', 'exclude=', 'link', 'parents'],
  ENTRYPOINT: [],
  ENV: [],
  EXPOSE: [],
  FROM: ['platform='],
  HEALTHCHECK: ['interval=', 'timeout=', 'start-period=', 'start-interval=', 'retries='],
  LABEL: [],
  MAINTAINER: [],
  ONBUILD: [],
  RUN: ['mount=', 'network=', 'security=', 'device='],
  SHELL: [],
  STOPSIGNAL: [],
  USER: [],
  VOLUME: [],
  WORKDIR: [],
}

/**
 * Reads one instruction for what it takes from elsewhere. Throws `dockerfile-invalid` for what Docker's parsers may read in more than one
 * way, or do not know. `at`: the index of its first line.
 */
export function judgeInstruction(text: string, at: number): () => Judged {
  const parts = readParts(text)
  if ('unclear' in parts)
    return () => {
      throw fault(at, parts.unclear)
    }
  const known = flagsOf[parts.keyword]
  if (!known) return () => ({ kind: 'unknown', keyword: parts.keyword })
  let isHidden: boolean | null = null
  return () => {
    const { keyword, flags, rest } = parts
    // Asked for each way that comes here; and it takes a while.
    isHidden ??= hasHiddenHeredoc(text)
    if (isHidden) throw fault(at, `what is a heredoc in this ${keyword} cannot be told for certain: ${remedy}`)
    for (const flag of flags) checkFlag(keyword, flag, known, at)
    // Some parsers take the word after a flag without a value for its value, and then look for further flags.
    if (flags.some((flag) => !flag.includes('=')) && /(^|\s)['"\\]*-['"\\]*-/.test(rest))
      throw fault(at, `${keyword} has flags after its first argument`)
    if (keyword === 'ONBUILD') return { kind: 'onbuild', trigger: triggerOf(rest, at) }
    if (keyword === 'FROM') return readFrom(rest, at)
    const sources = flags.flatMap((flag) => sourcesOf(keyword, flag, at))
    return { kind: 'other', sources: keyword === 'ADD' && namesGit(rest) ? [...sources, gitSource] : sources }
  }
}

const remedy =
  'write the mark << and the name after it out, without variables and escapes, and keep << out of the braces of a variable'

function checkFlag(keyword: string, flag: string, known: readonly string[], at: number): void {
  const [name = '', ...value] = flag.slice(2).split('=')
  if (known.includes(value.length > 0 ? `${name}=` : name) || (value.length > 0 && known.includes(name))) return
  if (value.length === 0 && known.includes(`${name}=`)) throw fault(at, `--${name} of ${keyword} has no value`)
  throw fault(at, `${keyword} has no flag --${name}`)
}

function triggerOf(rest: string, at: number): Extract<Judged, { kind: 'other' }> {
  const trigger = judgeInstruction(rest === '' ? '-' : rest, at)()
  if (trigger.kind === 'other') return trigger
  const name = trigger.kind === 'unknown' ? trigger.keyword : trigger.kind.toUpperCase()
  throw fault(at, `ONBUILD takes no ${name}`)
}

function readFrom(rest: string, at: number): Judged {
  if (!/^[\t\x20-\x7e]*$/.test(rest)) throw fault(at, 'FROM has characters that no name has')
  const [name = '', as, stage, ...more] = rest.split(/[\t ]+/)
  if (
    name === '' ||
    more.length > 0 ||
    (as !== undefined && (!/^as$/i.test(as) || !/^[a-z][\w.-]*$/i.test(stage ?? '')))
  )
    throw fault(at, 'FROM must be: FROM name, or FROM name AS stage')
  return { kind: 'from', name, stage: stage?.toLowerCase() ?? null }
}

/**
 * What a flag names: `COPY --from`, and `from` in a `RUN --mount`, which Docker reads as a line of CSV with keys in any case, and where a number is
 * the name of an image.
 */
function sourcesOf(keyword: string, flag: string, at: number): string[] {
  if (keyword === 'COPY' && flag.startsWith('--from=')) return [flag.slice('--from='.length)]
  if (keyword !== 'RUN' || !flag.startsWith('--mount=')) return []
  if (/["\n\r]/.test(flag)) throw fault(at, 'a --mount with quotes inside its fields cannot be read for certain')
  return flag
    .slice('--mount='.length)
    .split(',')
    .flatMap((field) => (/^\s*from\s*=/i.test(field) ? [field.slice(field.indexOf('=') + 1)] : []))
    .map((name) => (/^\d+$/.test(name) ? `docker.io/library/${name}` : name))
}
