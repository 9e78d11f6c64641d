/** What a command may touch of its process. `fail` says why and sets the exit code: 1 failed (default), 2 used wrongly, 75 to be tried again (sysexits.h; to a mail server). */
export type Context = {
  env: NodeJS.ProcessEnv
  stdin: NodeJS.ReadStream
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  fail(message: string, code?: 1 | 2 | 75): void
}
