import type { Outlook } from './digest-outline.ts'

/** An array as PostgreSQL writes it, of what needs no quotes there: the driver looks at each of thousands of elements for some. */
export const arrayOf = (elements: readonly number[] | readonly Outlook['fate'][]): string => `{${elements.join()}}`
