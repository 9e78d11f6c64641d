import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Context } from './context.ts'

/** A file's text; `-` is standard input, read to its end however slowly it comes. */
export const readInput = (ctx: Context, file: string): Promise<string> =>
  file === '-' ? text(ctx.stdin) : readFile(file, 'utf8')
