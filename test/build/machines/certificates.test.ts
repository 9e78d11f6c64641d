import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import { certificateState, readCertificates } from '../../../src/build/machines/certificates.ts'
import { machineCli } from '../../../src/build/machines/machine-cli.ts'
import { openStore } from '../../../src/build/machines/store.ts'
import { bootstrapCertificates } from '../../support/docker-machine/certificates.ts'
import { standIn } from '../../support/machines.ts'

const names = ['ca', 'ca-key', 'cert', 'key']
const never = new AbortController().signal
const hour = 3_600_000

describe('the certificates of a store', () => {
  let dir: string
  let mine: string[] = []
  let others: string[] = []
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'certificates-'))
    const made = (store: string) => {
      bootstrapCertificates(join(dir, store), () => undefined)
      return names.map((name) => readFileSync(join(dir, store, `${name}.pem`), 'utf8'))
    }
    mine = made('one')
    others = made('two')
  })
  afterAll(() => rmSync(dir, { recursive: true }))

  const state = (files: (string | null)[], now = Date.now()) => certificateState(files, now)
  test('whole', () => expect([state(mine), state(others)]).toEqual(['whole', 'whole']))
  test('not there yet, or the authority alone', () =>
    expect([state([null, null, null, null]), state([mine[0]!, mine[1]!, null, null])]).toEqual(['absent', 'absent']))
  test('run out', () => expect(state(mine, Date.now() + 365 * 24 * hour)).toBe('renewed'))
  test.each([
    ['an authority without its key', () => [mine[0]!, null, null, null]],
    ['a key without its authority', () => [null, mine[1]!, null, null]],
    ['a certificate without its key', () => [mine[0]!, mine[1]!, mine[2]!, null]],
    ['a file without an end', () => [mine[0]!, mine[1]!, mine[2]!, mine[3]!.slice(0, 60)]],
    ['an empty file', () => ['', mine[1]!, mine[2]!, mine[3]!]],
    ['an authority with the key of another', () => [mine[0]!, others[1]!, mine[2]!, mine[3]!]],
    [
      'a certificate that another authority of that name has signed',
      () => [mine[0]!, mine[1]!, others[2]!, others[3]!],
    ],
  ])('broken: %s', (_, files) => expect(state(files())).toBe('broken'))
})

describe('first creations', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'first-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  /** The turn of each in one process, as the database's lock is of all. */
  const turns = () => {
    let last = Promise.resolve()
    return (work: () => Promise<void>) => {
      last = last.then(work, work)
      return last
    }
  }
  const create = async (...machines: string[]) => {
    const env = { PATH: process.env.PATH ?? '', HOME: dir, MACHINE_STORAGE_PATH: dir }
    const store = await openStore(dir)
    const cli = machineCli({ command: standIn, env, store, insecure: [], options: [], alone: turns() })
    const profile = { driver: 'none', options: ['--url', 'tcp://127.0.0.1:1'], pool: 0 }
    await Promise.all(machines.map((name) => cli.create(name, profile, never, () => undefined)))
    return cli
  }

  it('at once make one authority', async () => {
    const cli = await create('a', 'b', 'c')
    expect(await readCertificates(join(dir, 'certs'))).toBe('whole')
    expect((await cli.list(never)).sort()).toEqual(['a', 'b', 'c'])
    expect(readdirSync(join(dir, 'certs')).sort()).toEqual(['ca-key.pem', 'ca.pem', 'cert.pem', 'key.pem'])
  })

  it('after one that was killed in the midst set its halves aside', async () => {
    const certs = join(dir, 'certs')
    bootstrapCertificates(join(dir, 'other'), () => undefined)
    mkdirSync(certs)
    copyFileSync(join(dir, 'other/ca-key.pem'), join(certs, 'ca-key.pem'))
    await create('a')
    expect(await readCertificates(certs)).toBe('whole')
    const aside = readdirSync(certs).filter((name) => name.includes('broken'))
    expect(aside).toEqual([expect.stringMatching(/^ca-key\.pem\.broken-\d+$/)])
    writeFileSync(join(certs, 'key.pem'), '')
    await create('b')
    expect(await readCertificates(certs)).toBe('whole')
  })
})
