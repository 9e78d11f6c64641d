/**
 * Whether a source of an ADD is what BuildKit fetches by git. `rest`: its arguments, in either form. Looked at is what stands there, quotes, escapes and
 * JSON taken away; a variable may be anything inside a name, but is not followed: what a whole address in a variable fetches, only the secrets that
 * BuildKit logs in with could make private, and those are refused (builders/arg-flags.ts).
 * After ParseURL and ParseSCPStyleURL of moby/buildkit util/gitutil and util/sshutil.
 */
export function namesGit(rest: string): boolean {
  const words = [...rest.split(/\s+/), ...jsonWords(rest)]
  return words
    .map((word) =>
      word
        .replaceAll(/["'\\`]/g, '')
        .replace(/^\[/, '')
        .replace(/[\],]+$/, ''),
    )
    .some(isGit)
}

/** The last argument is a path in the image, which no pattern here fits either, but for what nobody writes: a name with a colon. */
const isGit = (word: string): boolean =>
  /^(git|ssh):\/\//i.test(word) || /^https?:\/\/[^?#]*(\.|%2e)(g|%67)(i|%69)(t|%74)([?#]|$)/i.test(word) || isScp(word)

const isScp = (word: string): boolean => /^([\w-]+@)?[\w.-]+:(?!\/\/)/.test(word) && !/^[A-Za-z]:/.test(word)

function jsonWords(rest: string): string[] {
  try {
    const words: unknown = JSON.parse(rest)
    return Array.isArray(words) ? words.filter((word) => typeof word === 'string') : []
  } catch {
    return []
  }
}
