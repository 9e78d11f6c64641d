import { escapeHtml } from '../notify/digest-escape.ts'

/** HTML that may be written as it is. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | null | false | readonly Part[]

/** A template in which whatever is put in is escaped, but for what is Html itself; null and false are nothing. */
export const html = (texts: TemplateStringsArray, ...parts: readonly Part[]): Html =>
  new Html(texts.map((text, i) => text + (i < parts.length ? written(parts[i] ?? null) : '')).join(''))

function written(part: Part): string {
  if (part instanceof Html) return part.text
  if (Array.isArray(part)) return part.map(written).join('')
  return part === null || part === false ? '' : escapeHtml(String(part))
}
