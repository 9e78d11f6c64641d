import { describe, expect, test } from '@jest/globals'
import { type MachineRow, retire } from '../../../src/build/machines/retire.ts'

const settings = { minutes: 60, profiles: { default: { driver: 'd', options: [], pool: 1 } } }
const row = (more: Partial<MachineRow>): MachineRow => ({
  name: 'm',
  state: 'ready',
  profile: 'default',
  driver: 'd',
  leaseOver: false,
  ageSeconds: 10,
  used: false,
  ...more,
})
const because = (...rows: MachineRow[]) => retire(rows, settings).map((r) => `${r.name} ${r.because}`)

describe('a machine stays', () => {
  test.each<[string, Partial<MachineRow>]>([
    ['while it is made', { state: 'creating' }],
    ['while it stands ready in its pool', { state: 'ready' }],
    ['while its build runs, whatever its own lease says', { state: 'leased', used: true, leaseOver: true }],
    ['while somebody removes it', { state: 'removing' }],
  ])('%s', (_, more) => expect(because(row(more))).toEqual([]))
})

describe('a machine goes', () => {
  test.each<[string, Partial<MachineRow>, string]>([
    ['whose maker died', { state: 'creating', leaseOver: true }, 'owner-died'],
    ['that is being made for ever', { state: 'creating', ageSeconds: 3601 }, 'too-old'],
    ['whose keeper died', { leaseOver: true }, 'owner-died'],
    ['that has stood ready for half its life', { ageSeconds: 1801 }, 'too-old'],
    ['whose build has ended', { state: 'leased', used: false }, 'build-over'],
    ['that has lived too long, even under a build', { state: 'leased', used: true, ageSeconds: 3601 }, 'too-old'],
    ['whose remover died', { state: 'removing', leaseOver: true }, 'again'],
    ['of a profile that is no more', { profile: 'old' }, 'not-wanted'],
    ['of a driver that is no more', { driver: 'old' }, 'not-wanted'],
  ])('%s', (_, more, why) => expect(because(row(more))).toEqual([`m ${why}`]))
  test('the oldest, where the pool got smaller; a retired one does not count', () => {
    const pool = [
      row({ name: 'a', ageSeconds: 1 }),
      row({ name: 'b', ageSeconds: 3 }),
      row({ name: 'c', ageSeconds: 2 }),
    ]
    expect(because(...pool)).toEqual(['b not-wanted', 'c not-wanted'])
    expect(because(pool[0]!, row({ name: 'z', leaseOver: true }))).toEqual(['z owner-died'])
  })
})
