import { readFile, stat } from 'node:fs/promises'
import { BuildError } from './build-error.ts'

const mostBytes = 256 * 1024

/** A Dockerfile's text; its size is looked at first. Error: `dockerfile-invalid` over 256 KiB. */
export async function dockerfileText(path: string): Promise<string> {
  const { size } = await stat(path)
  if (size > mostBytes) throw new BuildError('dockerfile-invalid', `the Dockerfile has more than ${mostBytes} bytes`)
  return readFile(path, 'utf8')
}
