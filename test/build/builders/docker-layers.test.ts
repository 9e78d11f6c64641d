import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { layerNotes, notedLayers } from '../../../src/build/builders/docker-layers.ts'

test('notes what each step made, but no base, however the output is cut; and nothing of endless lines', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'drydock-layers-'))
  const notes = layerNotes(dir)
  const said = [
    ...['Step 1/3 : FROM lib/base', ' ---> aaaaaaaaaaaa', 'Step 2/3 : RUN x', ' ---> Running in dddddddddddd'],
    ...['bbbbbbbbbbbb', ' ---> bbbbbbbbbbbb', `Step 3/3 : RUN echo ${'x'.repeat(5000)}`, ' ---> cccccccccccc', ''],
  ].join('\n')
  for (const char of said) notes.read(char)
  // 20 MB in one line: looked at once, not again for each piece.
  for (let pieces = 0; pieces < 20_000; pieces++) notes.read('y'.repeat(1000))
  notes.read('\n ---> eeeeeeeeeeee\n')
  await notes.written()
  expect(await notedLayers(dir)).toEqual(['bbbbbbbbbbbb', 'cccccccccccc', 'eeeeeeeeeeee'])
  await rm(dir, { recursive: true })
})
