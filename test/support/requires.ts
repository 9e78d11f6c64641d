import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from '@jest/globals'

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** A part of the machine that some tests need, and how to see whether it is there. */
const parts = {
  git: () => works('git', ['--version']) && existsSync('/usr/lib/git-core/git-http-backend'),
  sshd: () => existsSync('/usr/sbin/sshd') && works('ssh', ['-V']),
  'git-lfs': () => works('git', ['lfs', 'version']),
  docker: () =>
    process.getuid?.() === 0 &&
    works('docker', ['--version']) &&
    works('dockerd', ['--version']) &&
    works('ip', ['-V']),
  buildkit: () => buildKitPath() !== null,
  'docker-registry': () => works('docker-registry', ['--version']),
  mariadb: () => works('mariadbd', ['--version']),
  chromium: () => existsSync(chromiumPath),
  skopeo: () => works('skopeo', ['--version']),
  klibc: () => existsSync('/usr/lib/klibc/bin/sh'),
} satisfies Record<string, () => boolean>

export type Part = keyof typeof parts

/**
 * `requires('docker')('the docker builder', () => {…})` is `describe` for tests that need what is not in npm. Where a part is missing
 * the suite shows up as skipped, with its reason as its name; with CI=true it fails instead, because there nothing may be skipped.
 */
export const requires =
  (...needed: readonly Part[]) =>
  (name: string, tests: () => void): void => {
    const missing = needed.filter((part) => !parts[part]())
    if (missing.length === 0) {
      describe(name, tests)
      return
    }
    const reason = `SKIPPED: no ${missing.join(', no ')}: ${name}`
    process.stderr.write(`\n${reason}\n`)
    if (process.env.CI === 'true') {
      test(reason, () => {
        throw new Error(`${reason}, and CI=true`)
      })
      return
    }
    // biome-ignore lint/suspicious/noSkippedTests: the one place that may, and it says why
    describe.skip(reason, tests)
  }

function works(program: string, args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

/** PATH with a docker command in front that can build with BuildKit: one with buildx, or one before 23. Null where there is none. */
export function buildKitPath(): string | null {
  const path = process.env.PATH ?? ''
  const dir = path.split(':').find((entry) => {
    const docker = join(entry, 'docker')
    const major = /version (\d+)/.exec(spawnSync(docker, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]
    return major !== undefined && (Number(major) < 23 || works(docker, ['buildx', 'version']))
  })
  return dir === undefined ? null : `${dir}:${path}`
}
