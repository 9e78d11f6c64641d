/** Tests are ESM TypeScript as the source is; one PostgreSQL serves a whole run (test/support/global-setup.mjs). */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
  testTimeout: 600_000, // what hangs is found; what a busy machine does slowly is no failure
  maxWorkers: 2,
  workerIdleMemoryLimit: '1.5GB', // modules of ESM tests are never let go of (jest's issue 14605): a worker begins anew between two files
  workerGracefulExitTimeout: 10_000, // on a busy machine a worker that left nothing open takes more than jest's half a second to end
  collectCoverageFrom: ['src/**/*.ts', '!src/db/generated/**'],
  coverageReporters: ['text-summary'],
}
