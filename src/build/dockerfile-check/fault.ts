import { BuildError } from '../build-error.ts'

export type FaultCode = 'dockerfile-invalid' | 'frontend-refused' | 'onbuild-refused'

/** What a Dockerfile may not have. `at`: the index of its line, from 0. */
export const fault = (at: number, words: string, code: FaultCode = 'dockerfile-invalid'): BuildError =>
  new BuildError(code, `line ${at + 1}: ${words}`)
