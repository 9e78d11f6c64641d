/**
 * in: passwords. out: PHC strings of argon2id, and whether a password is that of one.
 * guarantees: compared in constant time; a string that is none of ours is never right.
 * https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md, RFC 9106
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** `memory` in KiB. */
export type Argon2idCost = { memory: number; passes: number; parallelism: number }

/** https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id */
export const owaspCost: Argon2idCost = { memory: 19_456, passes: 2, parallelism: 1 }

const [saltBytes, hashBytes] = [16, 32]
const phcPattern =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d{0,3}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,172})$/

const derive = promisify(argon2)
const derived = (password: string, salt: Buffer, { memory, passes, parallelism }: Argon2idCost, tagLength: number) =>
  // one password in two ways of writing its accents is one password
  derive('argon2id', { message: password.normalize('NFKC'), nonce: salt, memory, passes, parallelism, tagLength })

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
const written = ({ memory, passes, parallelism }: Argon2idCost, salt: Buffer, hash: Buffer): string =>
  `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(hash)}`

export async function hashPassword(password: string, cost: Argon2idCost = owaspCost): Promise<string> {
  const salt = randomBytes(saltBytes)
  return written(cost, salt, await derived(password, salt, cost, hashBytes))
}

/** What takes as long to check as a real one, and is nobody's. */
export const decoy = written(owaspCost, Buffer.alloc(saltBytes), Buffer.alloc(hashBytes))

/** `stale`: it was made at another cost than is right today, and is to be made anew while the password is at hand. */
export async function verifyPassword(phc: string, password: string): Promise<{ right: boolean; stale: boolean }> {
  const [, memory, passes, parallelism, salt = '', hash = ''] = phcPattern.exec(phc) ?? []
  if (memory === undefined) return { right: false, stale: false }
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const wanted = Buffer.from(hash, 'base64')
  const found = await derived(password, Buffer.from(salt, 'base64'), cost, wanted.length)
  const stale = Object.entries(owaspCost).some(([name, value]) => cost[name as keyof Argon2idCost] !== value)
  return { right: timingSafeEqual(found, wanted), stale: stale || wanted.length !== hashBytes }
}
