import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../bin/drydock.mjs', import.meta.url))

export type Ran = { code: number | null; out: string; err: string }

/** `drydock ARGS` as a process of its own, its output in pipes. */
export async function drydock(args: string[], env: Record<string, string>, stdin = ''): Promise<Ran> {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [bin, ...args], { env: { PATH, HOME, ...env } })
  child.stdin.end(stdin)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}
