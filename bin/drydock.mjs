#!/usr/bin/env node
// The source is TypeScript that Node 24 runs as it is. An older Node hands over to the one among the dependencies.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

if (Number(process.versions.node.split('.')[0]) >= 24) {
  const { main } = await import('../src/cli/main.ts')
  await main(process.argv)
} else {
  const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'))
  const newer = join(folder, 'bin/node')
  if (!existsSync(newer)) {
    console.error('drydock needs Node 24; `npm ci` brings it along')
    process.exit(1)
  }
  const child = spawn(newer, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}
