import Table from 'cli-table3'
import pc from 'picocolors'
import type { Context } from './context.ts'

/** Rows under heads: lines and colour on a terminal, tabs in a pipe (without heads, for cut and awk). */
export function table(ctx: Context, heads: string[], rows: string[][]): void {
  if (!ctx.stdout.isTTY) {
    for (const row of rows)
      ctx.stdout.write(`${row.map((cell) => (pc.isColorSupported ? strip(cell) : cell)).join('\t')}\n`)
    return
  }
  const drawn = new Table({ head: heads, style: { head: ['bold'], border: ['gray'] } })
  drawn.push(...rows)
  ctx.stdout.write(`${drawn.toString()}\n`)
}

const strip = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, '')

/** The first twelve of a digest's characters. */
export const short = (digest: string | null): string =>
  digest === null ? '-' : digest.replace(/^sha256:/, '').slice(0, 12)

const colours: Record<string, (text: string) => string> = {
  outdated: pc.red,
  failed: pc.red,
  unknown: pc.yellow,
  running: pc.cyan,
  queued: pc.cyan,
  waiting: pc.yellow,
  current: pc.green,
  succeeded: pc.green,
}

/** A state in its colour, on a terminal. */
export const state = (ctx: Context, name: string | null): string => {
  const text = name ?? '-'
  return ctx.stdout.isTTY ? (colours[text]?.(text) ?? text) : text
}

/** What matters less, on a terminal. */
export const dim = (ctx: Context, text: string): string => (ctx.stdout.isTTY ? pc.dim(text) : text)

/** "3 h", "2 d": how long ago. */
export function age(iso: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000))
  const [size, unit] =
    seconds < 120 ? [1, 's'] : seconds < 7200 ? [60, 'min'] : seconds < 172_800 ? [3600, 'h'] : [86_400, 'd']
  return `${Math.floor(seconds / (size as number))} ${unit}`
}
