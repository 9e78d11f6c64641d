import { expect, test } from '@jest/globals'
import { BuildError, BuildStop, describeError, isStop } from '../../src/build/build-error.ts'

test('only our own stop is one, whatever code somebody else gives a failure', () => {
  for (const code of ['cancelled', 'claim-lost', 'shutting-down'] as const) {
    expect(isStop(new BuildStop(code), code)).toBe(true)
    for (const other of [
      new BuildError(code, 'x'),
      Object.assign(new Error('x'), { code, retryable: true }),
      { code },
      null,
    ])
      expect(isStop(other, code)).toBe(false)
  }
  expect(isStop(new BuildStop('cancelled'), 'claim-lost')).toBe(false)
})

test('is stored with its code, and without what is secret in its words', () => {
  const mask = (text: string) => text.replaceAll('s3cret', '***')
  expect(describeError(new BuildStop('shutting-down'))).toEqual({
    ...{ code: 'shutting-down', message: 'this process is being stopped', retryable: true },
  })
  const full = Object.assign(new Error('ENOSPC: /tmp/s3cret'), { code: 'ENOSPC' })
  expect(describeError(full, mask)).toEqual({
    ...{ code: 'disk-full', message: 'no space left where builds work (ENOSPC: /tmp/***)', retryable: true },
  })
  expect(describeError(new TypeError('of s3cret'), mask)).toEqual({
    ...{ code: 'internal', message: 'of ***', retryable: false },
  })
  expect(describeError('s3cret', mask)).toEqual({ code: 'internal', message: '***', retryable: false })
})
