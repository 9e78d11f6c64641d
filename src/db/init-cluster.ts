import { spawn } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { dataArgument, postgresBinaries, type Runner } from './postgres-user.ts'

/**
 * Makes the data folder of a new PostgreSQL with the superuser `drydock`. It is made beside its place and then moved there, so that
 * it is whole or not there at all: an initdb that was killed leaves only scraps, which the next one removes.
 */
export async function initCluster(folder: string, password: string, runner: Runner): Promise<void> {
  const prefix = `${basename(folder)}.new-`
  for (const scrap of readdirSync(dirname(folder)).filter((name) => name.startsWith(prefix)))
    rmSync(join(dirname(folder), scrap), { recursive: true, force: true })
  const made = mkdtempSync(join(dirname(folder), prefix))
  const secret = mkdtempSync(join(tmpdir(), 'drydock-initdb-'))
  const pwfile = join(secret, 'password')
  try {
    writeFileSync(pwfile, password, { mode: 0o600 })
    if (runner.uid !== undefined) for (const path of [made, secret, pwfile]) chownSync(path, runner.uid, runner.gid!)
    const args = ['-D', dataArgument(made, runner), '-U', 'drydock', '-A', 'scram-sha-256', `--pwfile=${pwfile}`]
    await initdb([...args, '-E', 'UTF8', '--locale=C'], made, runner)
    mkdirSync(folder, { recursive: true }) // rename replaces an empty folder, and nothing else
    renameSync(made, folder)
  } finally {
    for (const path of [secret, made]) rmSync(path, { recursive: true, force: true })
  }
}

async function initdb(args: string[], cwd: string, runner: Runner): Promise<void> {
  const child = spawn(join(postgresBinaries(runner), 'bin/initdb'), args, { cwd, ...runner })
  let said = ''
  child.stdout.on('data', (text) => (said += text))
  child.stderr.on('data', (text) => (said += text))
  const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done))
  if (code !== 0) throw new Error(`initdb failed in ${cwd}: ${said.trim().split('\n').slice(-3).join(' ')}`)
}
