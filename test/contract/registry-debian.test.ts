import { startDebianRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'
import { registrySuite } from './registry-suite.ts'

requires('docker-registry')('Distribution 2.8', () => registrySuite(startDebianRegistry))
