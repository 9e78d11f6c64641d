import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './free-port.ts'

export type SshServer = {
  /** "ssh://USER@127.0.0.1:PORT" */
  origin: string
  /** the deploy key that may read, one that may not, and what a client has to know of the server */
  key: string
  wrongKey: string
  knownHosts: string
  /** for the same address, of another server */
  wrongHosts: string
  /** what `git-lfs-authenticate` says; null: the server has no such command. Default null */
  authenticateLfs: (answer: object | string | null) => void
  /** commands that clients asked for, in their order */
  commands: () => string[]
  close: () => Promise<void>
}

/** A real sshd of our own on loopback, whose only key may do nothing but serve git repositories for reading. */
export async function startSshServer(): Promise<SshServer> {
  const dir = mkdtempSync(join(tmpdir(), 'ssh-server-'))
  const file = (name: string) => join(dir, name)
  const keygen = (name: string) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)])
    return readFileSync(file(`${name}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ')
  }
  const [host, other, deploy] = [keygen('host'), keygen('other-host'), keygen('deploy')]
  keygen('wrong')
  const user = userInfo().username
  const port = await freePort()
  writeFileSync(
    file('command'),
    [
      ...[
        '#!/bin/sh',
        `printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >>'${file('commands')}'`,
        'case "$SSH_ORIGINAL_COMMAND" in',
      ],
      `  git-lfs-authenticate\\ *) if [ -f '${file('lfs')}' ]; then exec cat '${file('lfs')}'; fi ;;`,
      ...['esac', 'exec git -c safe.directory=* shell -c "$SSH_ORIGINAL_COMMAND"', ''],
    ].join('\n'),
    { mode: 0o755 },
  )
  writeFileSync(file('authorized_keys'), `restrict,command="${file('command')}" ${deploy}\n`)
  const config = {
    ...{ Port: port, ListenAddress: '127.0.0.1', HostKey: file('host'), PidFile: 'none' },
    ...{
      AuthorizedKeysFile: file('authorized_keys'),
      StrictModes: 'no',
      UsePAM: 'no',
      PermitRootLogin: 'forced-commands-only',
    },
    ...{ PasswordAuthentication: 'no', KbdInteractiveAuthentication: 'no', AcceptEnv: 'GIT_PROTOCOL' },
  }
  writeFileSync(
    file('config'),
    Object.entries(config)
      .map((line) => `${line.join(' ')}\n`)
      .join(''),
  )
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', file('config')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  for (const end = Date.now() + 90_000; !said.includes('Server listening'); ) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`sshd did not start: ${said}`)
    await delay(25)
  }
  return {
    origin: `ssh://${user}@127.0.0.1:${port}`,
    key: readFileSync(file('deploy'), 'utf8'),
    wrongKey: readFileSync(file('wrong'), 'utf8'),
    knownHosts: `[127.0.0.1]:${port} ${host}\n`,
    wrongHosts: `[127.0.0.1]:${port} ${other}\n`,
    authenticateLfs(answer) {
      if (answer === null) rmSync(file('lfs'), { force: true })
      else writeFileSync(file('lfs'), typeof answer === 'string' ? answer : JSON.stringify(answer))
    },
    commands: () => readFileSync(file('commands'), 'utf8').trim().split('\n'),
    async close() {
      child.kill()
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
