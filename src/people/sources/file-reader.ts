/**
 * A program of its own: a file system that hangs (NFS) holds up this process, which can be left behind, and none of the threads of the service.
 * In: a path, and how many bytes are taken. Out: a line of JSON (FileAnswer), and then the bytes.
 * Guarantees: it reads regular files alone, and waits for no writer (O_NONBLOCK).
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import type { Reading } from './file-reading.ts'

/** `error`: an errno, or `not-a-file`. Of a file that gives more bytes than are taken, one more than that. */
export type FileAnswer = { error: string } | Reading

const [path = '', most = '0'] = process.argv.slice(2)
const { answer, bytes } = read(path, Number(most))
write(Buffer.from(`${JSON.stringify(answer)}\n`))
write(bytes)

function read(file: string, mostBytes: number): { answer: FileAnswer; bytes: Buffer } {
  const none = Buffer.alloc(0)
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    const before = fstatSync(fd)
    if (!before.isFile()) return { answer: { error: 'not-a-file' }, bytes: none }
    const found = Buffer.alloc(mostBytes + 1)
    let size = 0
    for (let count = -1; count !== 0 && size <= mostBytes; size += count)
      count = readSync(fd, found, size, found.length - size, null)
    const after = fstatSync(fd)
    closeSync(fd)
    const stat = ({ size: length, mtimeMs }: typeof before) => ({ size: length, mtimeMs })
    return { answer: { before: stat(before), after: stat(after), bytes: size }, bytes: found.subarray(0, size) }
  } catch (error) {
    return {
      answer: { error: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' },
      bytes: none,
    }
  }
}

function write(part: Buffer): void {
  for (let done = 0; done < part.length; ) done += writeSync(1, part, done)
}
