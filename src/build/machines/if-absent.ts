/** For `catch`: `value` where there is no such file or directory; any other failure stays one. */
export const ifAbsent =
  <T>(value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code !== 'ENOENT') throw error
    return value
  }
