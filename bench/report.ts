import { appendFileSync } from 'node:fs'

export type Result = {
  name: string
  ours: [what: string, value: number, unit: string]
  rival: [what: string, value: number, unit: string]
  ratio: number
  wanted: string
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

/** Prints a result; with BENCH_RESULTS set, also adds it as a line of JSON to that file (npm run bench). */
export function report(result: Result): void {
  const shown = ([what, value, unit]: Result['ours']) => `  ${what.padEnd(32)} ${number(value)} ${unit}`
  console.log(
    `${result.name}\n${shown(result.ours)}\n${shown(result.rival)}\n  ratio ${number(result.ratio)} (${result.wanted})`,
  )
  if (process.env.BENCH_RESULTS) appendFileSync(process.env.BENCH_RESULTS, `${JSON.stringify(result)}\n`)
}

export const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toPrecision(2)
