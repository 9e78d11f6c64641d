import { describe } from '@jest/globals'
import { startSmall } from '../support/registry.ts'
import { registrySuite } from './registry-suite.ts'

describe('the small registry', () => registrySuite(startSmall))
