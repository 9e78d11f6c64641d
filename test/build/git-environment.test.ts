import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { ClearCredential } from '../../src/build/credentials.ts'
import { gitEnvironment } from '../../src/build/git-environment.ts'
import { type GitUrl, parseGitUrl } from '../../src/build/git-url.ts'
import { requires } from '../support/requires.ts'

const protocols = ['https', 'ssh']
const url = (text: string) => parseGitUrl(text, protocols) as GitUrl
const ssh: ClearCredential = {
  kind: 'ssh',
  username: null,
  privateKey: 'KEY',
  knownHosts: 'git.example ssh-ed25519 AAAA',
}

describe('how git is run', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "git env'"))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  requires('git')('asked of git itself', () => {
    it('allows the listed protocols alone', async () => {
      const { env } = await gitEnvironment(dir, url('https://git.example/a'), protocols, null)
      const get = (name: string) => execFileSync('git', ['config', '--get-all', name], { env }).toString().trim()
      expect(get('protocol.allow')).toBe('never')
      expect(get('protocol.https.allow')).toBe('always')
      expect(() => get('protocol.http.allow')).toThrow()
      expect(get('http.followRedirects')).toBe('false')
      const ext = () => execFileSync('git', ['ls-remote', 'ext::sh -c true'], { env, stdio: 'pipe' })
      expect(ext).toThrow(/transport 'ext' not allowed/)
    })
  })

  it('keeps the password out of the environment and out of every file', async () => {
    const credential: ClearCredential = { kind: 'git', username: 'ci', password: 's3cret' }
    const { env, secret } = await gitEnvironment(dir, url('https://git.example/a'), protocols, credential)
    expect(secret).toBe('s3cret')
    expect(JSON.stringify(env)).not.toContain('s3cret')
    for (const name of readdirSync(dir)) expect(readFileSync(join(dir, name), 'utf8')).not.toContain('s3cret')
    expect(readdirSync(dir)).toEqual(['askpass'])
  })

  it('gives ssh one key and the hosts that go with it, and nobody to ask', async () => {
    const { env } = await gitEnvironment(dir, url('git@git.example:team/a.git'), protocols, ssh)
    const said = execFileSync('/bin/sh', ['-c', `${env.GIT_SSH_COMMAND} -G git@git.example`], { env }).toString()
    expect(said).toMatch(/^batchmode yes$/m)
    expect(said).toMatch(/^identitiesonly yes$/m)
    expect(said).toMatch(/^stricthostkeychecking (true|yes)$/m)
    expect(said).toContain(`identityfile ${join(dir, 'key')}`)
    expect(said).toContain(`userknownhostsfile ${join(dir, 'known_hosts')}`)
    expect(statSync(join(dir, 'key')).mode & 0o777).toBe(0o600)
  })

  it('does not use our own ssh identity for a recipe that names none', async () => {
    const without = gitEnvironment(dir, url('git@git.example:team/a.git'), protocols, null)
    await expect(without).rejects.toMatchObject({ code: 'credential-missing' })
  })
})
