import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError } from './build-error.ts'
import { childEnv } from './child-env.ts'
import type { ClearCredential } from './credentials.ts'
import type { GitUrl } from './git-url.ts'

/** How git is run for one checkout: its environment, and the secret that its helper reads from descriptor 3. */
export type GitEnvironment = { env: Record<string, string>; secret?: string }

/**
 * git and git-lfs ask twice, naming the server: for the user name, which the script holds, and for the password, which only descriptor 3
 * does, a line each time as long as there are any (git-lfs would ask for ever where it is refused). Another server, which only a repository's content could have led them
 * to, is told nothing.
 */
const askpass = (username: string, hosts: readonly string[]) => `#!/bin/sh
host=$(printf %s "$1" | tr A-Z a-z)
host=\${host#*://} host=\${host%%[/\\"\\']*} host=\${host##*@}
case "$host" in
  ${hosts.map(quote).join('|')}) ;;
  *) exit 1 ;;
esac
case "$1" in
  Username*) printf '%s\\n' ${quote(username)} ;;
  *) IFS= read -r password <&3 && printf '%s\\n' "$password" ;;
esac
`

/** Seconds; whoever prepares a large answer says every few of them that it is still there. */
const usualSilence = 120

/**
 * Writes what git needs into `dir` (a private directory that is wiped later) and gives its environment. Of git's own
 * configuration nothing applies but what stands here: no protocol but the listed ones, no helper, hook, redirect, prompt,
 * submodule or filter. https://git-scm.com/docs/git-config#Documentation/git-config.txt-protocolallow
 */
export async function gitEnvironment(
  dir: string,
  url: GitUrl,
  protocols: readonly string[],
  credential: ClearCredential | null,
  silence = usualSilence,
): Promise<GitEnvironment> {
  const config: [string, string][] = [
    ['protocol.allow', 'never'],
    ...protocols.map((protocol): [string, string] => [`protocol.${protocol}.allow`, 'always']),
    ['credential.helper', ''],
    ['http.followRedirects', 'false'],
    ['http.lowSpeedLimit', '1'],
    ['http.lowSpeedTime', String(silence)],
    ['core.protectHFS', 'true'],
    ['core.protectNTFS', 'true'],
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.symlinks', 'true'],
    ['fetch.recurseSubmodules', 'false'],
    ['fetch.unpackLimit', '1'],
    ['gc.auto', '0'],
    ['advice.detachedHead', 'false'],
  ]
  const env = childEnv({
    HOME: dir,
    XDG_CONFIG_HOME: dir,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_ALLOW_PROTOCOL: protocols.join(':'),
    GIT_DIR: join(dir, 'git'),
    GIT_WORK_TREE: join(dir, 'source'),
    GIT_ASKPASS: '/bin/false',
    GIT_CONFIG_COUNT: String(config.length),
    ...Object.fromEntries(
      config.flatMap(([key, value], i) => [
        [`GIT_CONFIG_KEY_${i}`, key],
        [`GIT_CONFIG_VALUE_${i}`, value],
      ]),
    ),
  })
  // unlike ours, git's TLS library does not look for it
  if (env.SSL_CERT_FILE !== undefined) env.GIT_SSL_CAINFO = env.SSL_CERT_FILE
  if (url.protocol === 'ssh') return { env: { ...env, ...(await sshEnvironment(dir, credential)) } }
  if (!credential?.password) return { env }
  const script = join(dir, 'askpass')
  await writeFile(script, askpass(credential.username ?? 'git', [url.url.host, writtenHost(url)]), { mode: 0o700 })
  return { env: { ...env, GIT_ASKPASS: script }, secret: credential.password }
}

/** ssh knows the credential's key and hosts alone: neither our agent nor our own known_hosts. */
async function sshEnvironment(dir: string, credential: ClearCredential | null): Promise<Record<string, string>> {
  if (!credential?.privateKey || !credential.knownHosts) {
    throw new BuildError(
      'credential-missing',
      'an ssh address needs a credential of kind ssh with privateKey and knownHosts',
    )
  }
  const key = join(dir, 'key')
  const hosts = join(dir, 'known_hosts')
  await writeFile(key, credential.privateKey.endsWith('\n') ? credential.privateKey : `${credential.privateKey}\n`)
  await chmod(key, 0o600)
  await writeFile(hosts, credential.knownHosts)
  const options = {
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityFile: key,
    UserKnownHostsFile: hosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    ConnectTimeout: '30',
    ServerAliveInterval: '30',
    ServerAliveCountMax: '4',
  }
  const flags = Object.entries(options).map(([name, value]) => `-o ${quote(`${name}="${value}"`)}`)
  return { GIT_SSH_COMMAND: `ssh -F /dev/null ${flags.join(' ')}`, GIT_SSH_VARIANT: 'ssh' }
}

/** With a port that the protocol would have anyway, if it is written so. */
const writtenHost = ({ text, url }: GitUrl): string => /^[a-z]+:\/\/([^/]+)/i.exec(text)?.[1]?.toLowerCase() ?? url.host

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
