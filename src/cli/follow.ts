import type { Client } from './client.ts'
import type { Context } from './context.ts'
import type { BuildView } from './views.ts'

/** Prints a build's log as it grows, then how it ended; the exit code is 1 unless it succeeded. */
export async function follow(ctx: Context, api: Client, id: string): Promise<void> {
  for await (const text of api.stream(`/builds/${encodeURIComponent(id)}/logs?follow=1`)) ctx.stdout.write(text)
  const build = await api.json<BuildView>('GET', `/builds/${encodeURIComponent(id)}`)
  if (build.state !== 'succeeded')
    ctx.fail(`the build ${build.state}${build.error ? `: ${build.error.message} (${build.error.code})` : ''}`)
  else ctx.stderr.write(`built ${build.ref} as ${build.digest}\n`)
}
