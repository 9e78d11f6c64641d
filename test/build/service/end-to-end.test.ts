import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { eventually } from '../../../src/demo/watch.ts'
import { builderToken } from '../../support/build-service.ts'
import { registryUser } from '../../support/registry.ts'
import { requires } from '../../support/requires.ts'
import { secrets, type TwoProcesses, twoProcesses } from '../../support/two-processes.ts'

const limit = 900_000

requires(...(['docker', 'buildkit', 'git', 'sshd', 'docker-registry', 'klibc'] as const))(
  'a tracker and a build service, two processes that only know each other’s address and one token',
  () => {
    let two: TwoProcesses
    beforeAll(async () => {
      two = await twoProcesses()
      await two.pushBase('one')
      await two.share('lib')
    }, limit)
    afterAll(() => two?.close(), limit)

    /** A recipe over http with the token, of an image on lib/base:1 made by one RUN. */
    const simple = async (name: string, run: string, more: object = {}) => {
      const commit = two.git.commit(name, { Dockerfile: `FROM ${two.ref('lib/base')}\nRUN ${run}\n` })
      const git = { url: `${two.git.origin}/${name}.git`, ref: 'main', credential: 'token' }
      await two.recipe(`app/${name}`, { git, ...more })
      return commit
    }
    const sent = (name: string) => two.servicePg.sql`select from build where ref = ${two.ref(`app/${name}`)}`

    it(
      'build a chain: over ssh and https, with a build secret, a stage, arguments, and a registry that wants a login',
      async () => {
        const first = two.git.commit('one', {
          Dockerfile: [
            `FROM ${two.ref('lib/base')} AS made`,
            'ARG VERSION=none',
            'RUN --mount=type=secret,id=npm read_it=$(cat /run/secrets/npm) && echo "it says $read_it" && echo $VERSION > /version',
            `FROM ${two.ref('lib/base')} AS wanted`,
            'COPY --from=made /version /version',
            'FROM wanted AS unwanted',
            'RUN exit 1',
          ].join('\n'),
        })
        await two.recipe('app/one', {
          git: { url: `${two.ssh.origin}${two.git.root}/one.git`, ref: 'main', credential: 'key' },
          args: { VERSION: '1.2' },
          target: 'wanted',
          secrets: [{ id: 'npm', credential: 'npm' }],
          auto: true,
        })
        const one = await two.ended(await two.request('app/one'))
        expect(one).toMatchObject({ state: 'succeeded', error: null, builder: 'remote', commit: first })
        two.git.commit('two', { Dockerfile: `FROM ${two.ref('app/one')}\nRUN echo two > /two\n` })
        const git = { url: `${two.git.origin}/two.git`, ref: 'main', credential: 'token' }
        await two.recipe('app/two', { git, auto: true })
        expect(await two.ended(await two.request('app/two'))).toMatchObject({ state: 'succeeded' })

        await two.pushBase('two')
        const rebuilt = await eventually('both are built on the new base', 240, async () => {
          const all = [await two.builds('app/one'), await two.builds('app/two')].map((builds) => builds.at(-1))
          return all.every((found) => found?.reason.kind === 'base-moved' && found.state === 'succeeded') ? all : null
        })
        expect(await two.pushes('app/one')).toEqual([one.digest, rebuilt[0]?.digest])
        expect((await two.pushes('app/two')).at(-1)).toBe(rebuilt[1]?.digest)
        expect(Date.parse(rebuilt[1]!.createdAt)).toBeGreaterThan(Date.parse(rebuilt[0]!.createdAt))

        const log = await two.log(one.id)
        expect(log).toContain('it says ***')
        expect(log.match(/\[sent to the build service/g)).toHaveLength(1)
        const rows = await two.servicePg.sql<{ row: string }[]>`
      select build::text as row from build union all select text from build_log`
        const told = [JSON.stringify(rows), two.service.log(), two.tracker.log(), log].join()
        const key = two.ssh.key.split('\n')[2]!
        for (const secret of [secrets.build, secrets.token, key, builderToken]) expect(told).not.toContain(secret)
        const basic = Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64')
        expect(told).not.toContain(basic)
      },
      limit,
    )

    it(
      'end a build at both when it is cancelled while the service is away',
      async () => {
        await simple('cancelled', 'sleep 600')
        const id = await two.request('app/cancelled')
        await two.at(id, 'build')
        await two.service.kill()
        await eventually('the tracker has noticed', 240, async () =>
          (await two.log(id)).includes('does not answer') ? true : null,
        )
        await two.tracker.api('POST', `/builds/${id}/cancel`)
        await two.service.start()
        expect(await two.ended(id)).toMatchObject({ state: 'cancelled', digest: null })
        expect(await two.endedThere(id)).toMatchObject({ state: 'cancelled', digest: null })
        expect(await two.pushes('app/cancelled')).toEqual([])
      },
      limit,
    )

    it(
      'make one build and one push where the service is killed in the middle',
      async () => {
        await simple('service-killed', 'sleep 600')
        const id = await two.request('app/service-killed')
        await two.at(id, 'build')
        await two.service.kill()
        const commit = await simple('service-killed', 'echo quick > /quick') // what it builds from anew
        await two.service.start()
        expect(await two.ended(id)).toMatchObject({ state: 'succeeded', commit })
        expect(await two.log(id)).toContain('an earlier attempt of this build was interrupted')
        expect((await sent('service-killed')).count).toBe(1)
        expect(await two.pushes('app/service-killed')).toEqual([(await two.build(id)).digest])
      },
      limit,
    )

    it(
      'make one build and one push where the tracker is killed in the middle',
      async () => {
        await simple('tracker-killed', 'sleep 20')
        const id = await two.request('app/tracker-killed')
        await two.at(id, 'build')
        await two.tracker.kill()
        await two.startTracker()
        expect(await two.ended(id)).toMatchObject({ state: 'succeeded' })
        expect(await two.log(id)).toContain('[attached again to the build')
        expect((await sent('tracker-killed')).count).toBe(1)
        expect(await two.pushes('app/tracker-killed')).toEqual([(await two.build(id)).digest])
        expect(await two.service.build(id)).toMatchObject({ state: 'succeeded', digest: (await two.build(id)).digest })
      },
      limit,
    )
  },
)
