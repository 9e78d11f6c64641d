import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from '@jest/globals'
import { endCreation, follow, startCreation } from '../../../src/build/machines/creation.ts'
import { creationStage } from '../../../src/build/machines/creation-stage.ts'
import { eventually } from '../../../src/demo/watch.ts'

describe('how far a creation came', () => {
  const before = 'Creating CA: /s/certs/ca.pem\nRunning pre-create checks...\n'
  const asked = `${before}Creating machine...\n(m) Launching instance...\n`
  const noted = `${asked}Waiting for machine to be running, this may take a few minutes...\n`
  test.each([
    ['', 'untouched'],
    [before, 'untouched'],
    [`${before}Error with pre-create check: "the cloud is down"\n`, 'untouched'],
    [asked, 'asked'],
    [`${asked}(m) Waiting for machine to be running\n`, 'asked'],
    [`${before}Creating machine...\n(m) Creating machine...\n`, 'asked'],
    [noted, 'noted'],
    [`${noted}Error creating machine: Error running provisioning: ssh\n`, 'noted'],
    [`${asked}Error creating machine: Error in driver during machine creation: no`, 'failed'],
    [
      `${asked}Error creating machine: Error saving host to store after attempting creation: no space left on device`,
      'lost',
    ],
    [`${before}Creating machine...\nTo see how to connect your Docker Client to the Docker Engine`, 'noted'], // driver none
  ])('%j', (printed, stage) => expect(creationStage(printed)).toBe(stage))
})

describe('a creation', () => {
  let dir: string
  const never = new AbortController().signal
  const env = { PATH: process.env.PATH ?? '' }
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'creation-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const at = (name: string) => join(dir, name)
  /** A program in the place of docker-machine's: prints lines, waits for files, and says when it goes on. */
  const start = (script: string) => startCreation('sh', ['-c', script], { ...env, DIR: dir }, at('notes'))
  const waitFor = (file: string) => `while ! [ -e "$DIR/${file}" ]; do sleep 0.05; done;`
  const printed = (text: string) =>
    eventually(`it prints ${text}`, 90, async () => readFileSync(at('notes/create.out'), 'utf8').includes(text) || null)

  it('is followed until it ends, with its words and its code', async () => {
    const seen: string[] = []
    const creation = await start('echo Grüße; echo no >&2; exit 3')
    expect(await follow(creation, never, (text) => seen.push(text))).toEqual({
      code: 3,
      stdout: 'Grüße\n',
      stderr: 'no\n',
    })
    expect(seen.join('')).toBe('Grüße\nno\n')
  })

  it('goes on when nobody follows it any more, and is waited for while the cloud makes the machine', async () => {
    const creation = await start(`echo 'Creating machine...'; ${waitFor('go')} echo more; touch "$DIR/made"`)
    const stop = new AbortController()
    const following = follow(creation, stop.signal, () => undefined)
    await printed('Creating machine...')
    stop.abort(new Error('enough'))
    await expect(following).rejects.toThrow('enough')
    const given = new AbortController()
    const waiting = endCreation(at('notes'), 3_600_000, given.signal)
    given.abort(new Error('later'))
    await expect(waiting).rejects.toThrow('later')
    const ending = endCreation(at('notes'), 3_600_000, never)
    writeFileSync(at('go'), '')
    await ending
    expect(existsSync(at('made'))).toBe(true)
    expect(await creation.ended).toBe(0)
  })

  it.each([
    ['before the cloud is asked', 'Running pre-create checks...'],
    ['once the machine is noted', 'Waiting for machine to be running, this may take'],
  ])('is ended at once %s', async (_, line) => {
    const creation = await start(`echo '${line}'; ${waitFor('never')}`)
    await printed(line)
    await endCreation(at('notes'), 3_600_000, never)
    expect(await creation.ended).toBe(128)
  })

  it('is ended when it has run for longer than any creation', async () => {
    const creation = await start(`echo 'Creating machine...'; ${waitFor('never')}`)
    await printed('Creating machine...')
    await endCreation(at('notes'), 0, never)
    expect(await creation.ended).toBe(128)
  })

  it('of another process, with the same number as a noted one, is left alone', async () => {
    const creation = await start(waitFor('go'))
    const [note] = readdirSync(at('notes')).filter((name) => name.startsWith('pid-'))
    mkdirSync(at('other'))
    writeFileSync(at(`other/${note}`), '1')
    await endCreation(at('other'), 0, never)
    writeFileSync(at('go'), '')
    expect(await creation.ended).toBe(0)
  })

  it('that cannot be run says so', async () => {
    const creation = await startCreation('/nowhere/docker-machine', ['create'], env, at('notes'))
    await expect(follow(creation, never, () => undefined)).rejects.toMatchObject({ code: 'program-missing' })
  })
})
