import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from '@jest/globals'
import { putCredential, secretFor } from '../../src/build/credentials.ts'
import { rotateKey } from '../../src/build/rotate-key.ts'
import { makeVault } from '../../src/build/vault.ts'
import { claimKey, keyInForce } from '../../src/build/vault-key.ts'
import { putChannel } from '../../src/channels/channels.ts'
import { keyFile } from '../../src/key-file.ts'
import { openVault } from '../../src/secret-key.ts'
import { gitHookSecret, putGitHook } from '../../src/triggers/git-hooks.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { drydock } from '../cli/run.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const [oldKey, newKey, otherKey] = ['the-old-key-of-the-tests', 'the-new-key-of-the-tests', 'another-key-of-the-tests']
const [before, after, other] = [makeVault(oldKey), makeVault(newKey), makeVault(otherKey)]

let pg: TestDatabase
let api: TestApi
let dir: string
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  dir = mkdtempSync(join(tmpdir(), 'rotate-test-'))
})
afterAll(async () => {
  await api.close()
  await pg.close()
  rmSync(dir, { recursive: true, force: true })
})
afterEach(() => pg.sql`truncate credential, git_hook, setting, namespace cascade`)

const under = (vault: typeof before) => ({ ...api.d, vault })
async function store(vault = before, count = 3) {
  for (let i = 0; i < count; i++)
    await putCredential(under(vault), 'app', `c${i}`, { kind: 'secret', urlPrefix: '', password: `secret ${i}` })
  await putGitHook(under(vault), 'app', 'a-secret-of-a-git-hook')
  await putChannel(under(vault), 'app', 'chat', { kind: 'slack', url: 'https://chat.test/a-secret', enabled: true })
}
/** Everything that is sealed, opened by one key; throws where any of it is under another. */
const opened = async (vault: typeof before, count = 3) => [
  ...(await Promise.all(Array.from({ length: count }, (_, i) => secretFor(under(vault), 'app', `c${i}`)))),
  await gitHookSecret(under(vault), 'app'),
  ...(await pg.sql<{ sealed: string }[]>`select sealed from channel`).map(({ sealed }) => vault.open(sealed)),
]
const channel = JSON.stringify({ url: 'https://chat.test/a-secret', secret: null, former: null })
const secrets = ['secret 0', 'secret 1', 'secret 2', 'a-secret-of-a-git-hook', channel]
const rows = () => pg.sql`select name, sealed from credential union all select 'hook', sealed from git_hook
  union all select 'channel', sealed from channel order by 1`

describe('a rotation', () => {
  it('seals everything anew; the old key opens nothing any more', async () => {
    await claimKey(pg.sql, before)
    await store()
    expect(await rotateKey(pg.sql, before, after)).toEqual({ credentials: 3, gitHooks: 1, channels: 1, already: false })
    expect(await opened(after)).toEqual(secrets)
    await expect(opened(before)).rejects.toMatchObject({ code: 'vault-key' })
    expect(await rotateKey(pg.sql, before, after)).toEqual({ credentials: 0, gitHooks: 0, channels: 0, already: true })
  })
  it('knows every column that holds something sealed', async () => {
    const columns = await pg.sql<{ name: string }[]>`
      select table_name || '.' || column_name as name from information_schema.columns
      where table_schema = 'public' and column_name like '%sealed%' order by 1`
    expect(columns.map((column) => column.name)).toEqual(['channel.sealed', 'credential.sealed', 'git_hook.sealed'])
  })
  it.each([true, false])('with a wrong old key changes nothing (the key is known: %s)', async (isKnown) => {
    if (isKnown) await claimKey(pg.sql, before)
    await store()
    const stored = await rows()
    await expect(rotateKey(pg.sql, other, after)).rejects.toMatchObject({ code: 'vault-key' })
    expect([await rows(), await keyInForce(pg.sql)]).toEqual([stored, isKnown ? before.keyId : null])
    expect(await opened(before)).toEqual(secrets)
  })
  it('changes nothing where one of many cannot be opened', async () => {
    await claimKey(pg.sql, before)
    await store()
    await pg.sql`update credential set sealed = ${other.seal('{}')} where name = 'c2'`
    const stored = await rows()
    await expect(rotateKey(pg.sql, before, after)).rejects.toMatchObject({ code: 'vault-key' })
    expect([await rows(), await keyInForce(pg.sql)]).toEqual([stored, before.keyId])
  })
  it('at the same time as secrets are stored leaves none under the old key', async () => {
    await claimKey(pg.sql, before)
    await store()
    const put = (i: number) =>
      putCredential(under(before), 'app', `late${i}`, { kind: 'secret', urlPrefix: '', password: 'x' }).then(
        () => 'stored',
        (error: { code?: string }) => error.code,
      )
    const all = Array.from({ length: 10 }, (_, i) => put(i))
    await rotateKey(pg.sql, before, after)
    expect([...new Set(await Promise.all(all))].filter((told) => told !== 'stored' && told !== 'vault-key')).toEqual([])
    expect(await put(99)).toBe('vault-key')
    for (const { sealed } of await pg.sql<{ sealed: string }[]>`select sealed from credential`)
      expect(after.open(sealed)).toMatch(/password/)
  })
})

describe('at a start', () => {
  it('the first key is the database’s; another is refused, with words', async () => {
    await claimKey(pg.sql, before)
    await claimKey(pg.sql, before)
    await expect(claimKey(pg.sql, other)).rejects.toMatchObject({
      message: 'the secrets in the database are sealed under another key than DRYDOCK_SECRET_KEY',
    })
  })
  it('a database from before there were fingerprints must open', async () => {
    await store()
    await expect(claimKey(pg.sql, other)).rejects.toMatchObject({ code: 'vault-key' })
    await claimKey(pg.sql, before)
    expect(await keyInForce(pg.sql)).toBe(before.keyId)
  })
  it('a rotation of the generated key that was killed is finished, or had not begun', async () => {
    await claimKey(pg.sql, before)
    await store()
    writeFileSync(join(dir, 'secret-key'), oldKey)
    const file = keyFile(dir)
    file.prepare(newKey)
    const config = { secretKey: oldKey, dataDir: dir }
    expect((await openVault(pg.sql, config)).keyId).toBe(before.keyId)
    expect(readFileSync(join(dir, 'secret-key'), 'utf8')).toBe(oldKey)
    await rotateKey(pg.sql, before, after)
    expect((await openVault(pg.sql, config)).keyId).toBe(after.keyId)
    expect([readdirSync(dir), readFileSync(join(dir, 'secret-key'), 'utf8')]).toEqual([['secret-key'], newKey])
    file.finish(newKey)
    expect(() => file.finish(oldKey)).toThrow(/does not hold/)
  })
})

describe('drydock rotate-key', () => {
  const env = (key: string, more: Record<string, string> = {}) => ({
    ...{ DATABASE_URL: pg.url, DRYDOCK_SECRET_KEY: key, DRYDOCK_ADMIN_TOKEN: 'a-token-of-the-tests' },
    ...{ DRYDOCK_WEBHOOK_TOKEN: 'a-token-of-webhooks', DRYDOCK_DATA_DIR: dir, DRYDOCK_BUILDER: 'rebase', ...more },
  })
  test('rotates, with the new key in a variable or a file; a wrong old one changes nothing', async () => {
    await claimKey(pg.sql, before)
    await store()
    const wrong = await drydock(['rotate-key'], env(otherKey, { DRYDOCK_NEW_SECRET_KEY: newKey }))
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('DRYDOCK_SECRET_KEY is not the key')])
    expect(await opened(before)).toEqual(secrets)
    const file = join(dir, 'new')
    writeFileSync(file, `${newKey}\n`)
    const done = await drydock(['rotate-key'], env(oldKey, { DRYDOCK_NEW_SECRET_KEY_FILE: file }))
    expect([done.code, done.out]).toEqual([
      0,
      'sealed anew: 3 credentials, 1 git hooks, 1 channels; set DRYDOCK_SECRET_KEY to the new key, and start the service anew\n',
    ])
    expect(done.out + done.err).not.toContain(newKey)
    expect(await opened(after)).toEqual(secrets)
  })
  test('says what it lacks', async () => {
    for (const [more, said] of [
      [{}, /DRYDOCK_NEW_SECRET_KEY: required/],
      [{ DRYDOCK_NEW_SECRET_KEY: 'short' }, /at least 16/],
      [{ DRYDOCK_NEW_SECRET_KEY: oldKey }, /is the key in use/],
    ] as const) {
      const ran = await drydock(['rotate-key'], env(oldKey, more))
      expect([ran.code, ran.err]).toEqual([1, expect.stringMatching(said)])
    }
  })
  test('killed in the middle leaves everything under the old key, and can be run again', async () => {
    await claimKey(pg.sql, before)
    await store()
    const bin = fileURLToPath(new URL('../../bin/drydock.mjs', import.meta.url))
    // a lock on one of the rows holds the rotation up in its middle
    const holder = await pg.sql.reserve()
    await holder`begin`
    await holder`select * from credential where name = 'c2' for update`
    const { PATH, HOME } = process.env
    const child = spawn(process.execPath, [bin, 'rotate-key'], {
      env: { PATH, HOME, ...env(oldKey, { DRYDOCK_NEW_SECRET_KEY: newKey }) },
      stdio: 'ignore',
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    const isHeld = async () =>
      (
        await pg.sql`
        select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%update%credential%'`
      ).length > 0
    while (!(await isHeld())) {
      expect(child.exitCode).toBeNull()
      await delay(50)
    }
    child.kill('SIGKILL')
    await ended
    await holder`rollback`
    holder.release()
    expect(await opened(before)).toEqual(secrets)
    const again = await drydock(['rotate-key'], env(oldKey, { DRYDOCK_NEW_SECRET_KEY: newKey }))
    expect([again.code, await opened(after)]).toEqual([0, secrets])
  })
})
