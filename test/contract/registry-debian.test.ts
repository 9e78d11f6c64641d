import { startDebianRegistry } from '../support/registry.ts'
import { describeWith } from '../support/requires.ts'
import { registrySuite } from './registry-suite.ts'

describeWith(['docker-registry'], 'Distribution 2.8', () => registrySuite(startDebianRegistry))
