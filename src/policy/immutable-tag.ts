import { globMatcher } from './tag-globs.ts'
import { tagShape } from './tag-shape.ts'

/**
 * Why a tag with this name is never pushed anew, in words, or null where it floats: a date, a full version (three numbers or more,
 * whatever is before and after them), a commit's hash of 7 digits or more, `sha-…`, or one of a policy's own patterns.
 */
export function immutability(patterns: readonly string[]): (name: string) => string | null {
  const named = globMatcher(patterns)
  return (name) => {
    const shape = tagShape(name)
    if (shape?.kind === 'date') return 'a date'
    if (shape && shape.numbers.length >= 3) return 'a full version'
    if (name.split(/[-_.]/).some(isHash) || /(?:^|[-_.])sha-/.test(name)) return 'a commit'
    return named(name)
  }
}

const isHash = (word: string): boolean => /^g?[0-9a-f]{7,64}$/.test(word)
