import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { openLogSink } from '../../src/build/log-sink.ts'
import { followLog, readLog } from '../../src/build/logs.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
let id: string
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  const [row] = await pg.sql<{ id: string }[]>`
    insert into build (ref, state, key, reason, recipe) values (${`h/a:${Math.random()}`}, 'running', 'k', '{}', '{}') returning id`
  id = row!.id
})

describe("a build's log", () => {
  it('is stored masked, and goes on after what an earlier attempt wrote', async () => {
    const d = testDeps(pg)
    for (const attempt of ['one', 'two']) {
      const sink = openLogSink(d, id)
      sink.hide('s3cret')
      sink.write(`${attempt} s3c`)
      sink.write('ret\nend')
      await sink.close()
    }
    expect(await readLog(d, id)).toBe('one ***\nendtwo ***\nend')
  })

  it('keeps beginning and end of a very long one, and says what is left out', async () => {
    const d = testDeps(pg)
    const sink = openLogSink(d, id, { headChars: 10, tailChars: 6, flushMs: 1 })
    for (let i = 0; i < 100; i++) sink.write(`line${String(i).padStart(3, '0')}\n`)
    await sink.close()
    expect(await readLog(d, id)).toBe('line000\nli\n[784 characters left out]\nne099\n')
  })

  it('keeps head and tail of 20 MB, says how much is left out between them, and shows no secret of it', async () => {
    const d = testDeps(pg)
    const sink = openLogSink(d, id)
    sink.hide('s3cret-word')
    const line = (i: number) => `line ${String(i).padStart(7, '0')} with a s3cret-word and an é\n`
    const lines = 20_000_000 / line(0).length
    let piece = ''
    for (let i = 0; i < lines; i++) {
      piece += line(i)
      if (piece.length < 2000) continue
      sink.write(piece)
      piece = ''
    }
    sink.write(`${piece}the end\n`)
    await sink.close()
    const log = await readLog(d, id)
    expect(log.length).toBeLessThan(2_300_000)
    expect(log).not.toContain('s3cret')
    const shown = (i: number) => line(i).replace('s3cret-word', '***')
    expect(log.startsWith(shown(0) + shown(1))).toBe(true)
    expect(log.endsWith(`${shown(Math.ceil(lines) - 1)}the end\n`)).toBe(true)
    const all = Math.ceil(lines) * shown(0).length + 'the end\n'.length
    const [said = '', number] = /\n\[(\d+) characters left out\]\n/.exec(log) ?? []
    expect(Number(number)).toBe(all - (log.length - said.length))
  })

  it('cuts no character in two', async () => {
    const d = testDeps(pg)
    for (const headChars of [5, 6]) {
      const sink = openLogSink(d, id, { headChars, tailChars: 5, flushMs: 1 })
      sink.write('🚢'.repeat(20))
      await sink.close()
    }
    expect(await readLog(d, id)).not.toContain('\ufffd')
  })

  it('is followed to its end while it is written', async () => {
    const d = testDeps(pg)
    const sink = openLogSink(d, id, { headChars: 1000, tailChars: 100, flushMs: 1 })
    sink.write('a\n')
    let seen = ''
    for await (const piece of followLog(d, id, { signal: AbortSignal.timeout(120_000) })) {
      seen += piece.text
      if (seen !== 'a\n') continue
      sink.write('b\n')
      await sink.close()
      await pg.sql`update build set state = 'succeeded', finished_at = now() where id = ${id}`
    }
    expect(seen).toBe('a\nb\n')
  })

  it('can be followed from where one was, and left at any time', async () => {
    const d = testDeps(pg)
    const sink = openLogSink(d, id, { headChars: 1000, tailChars: 100, flushMs: 1 })
    sink.write('a\n')
    await sink.close()
    const leave = new AbortController()
    const [first] = await collect(leaving(followLog(d, id, { signal: leave.signal }), leave))
    expect(first).toEqual({ text: 'a\n', next: 1 })
    await pg.sql`update build set state = 'failed', finished_at = now() where id = ${id}`
    expect(await collect(followLog(d, id, { signal: AbortSignal.timeout(120_000), from: 1 }))).toEqual([])
  })
})

async function collect<T>(source: AsyncGenerator<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

async function* leaving<T>(source: AsyncGenerator<T>, leave: AbortController): AsyncGenerator<T> {
  for await (const item of source) {
    leave.abort()
    yield item
  }
}
