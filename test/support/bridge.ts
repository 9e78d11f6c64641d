import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { networkInterfaces } from 'node:os'

/**
 * A bridge of its own for a daemon: one without would delete docker0, one that shares it would give away its addresses. Its address is
 * one that no other has, in the range that is set aside for tests of networks (RFC 2544).
 */
export function addBridge(name: string): void {
  execFileSync('ip', ['link', 'add', name, 'type', 'bridge'])
  execFileSync('ip', ['address', 'add', freeAddress(), 'dev', name])
  execFileSync('ip', ['link', 'set', name, 'up'])
}

export const deleteBridge = (name: string): void => void execFileSync('ip', ['link', 'delete', name])

function freeAddress(): string {
  const taken = Object.values(networkInterfaces()).flatMap((all) => all?.map((one) => one.address) ?? [])
  for (;;) {
    const address = `198.${randomInt(18, 20)}.${randomInt(256)}.1`
    if (!taken.includes(address)) return `${address}/24`
  }
}
