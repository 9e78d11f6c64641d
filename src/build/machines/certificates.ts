/**
 * in: where docker-machine keeps the authority and the client's certificate of all its machines. out: whether they are there, whole.
 * docker-machine makes them in the first `create`, one file after the other and without a lock: two at once mix two authorities, and one
 * that is killed leaves half of one, with which no `create` works any more (libmachine/cert/bootstrap.go;
 * https://github.com/docker-archive-public/docker.machine/issues/3634). So the first is let run alone, and halves are set aside.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ifAbsent } from './if-absent.ts'

const names = ['ca.pem', 'ca-key.pem', 'cert.pem', 'key.pem'] as const

/** absent: a `create` will make them. renewed: they have run out, and a `create` will make them anew. broken: a `create` would fail. */
export type CertificateState = 'whole' | 'absent' | 'renewed' | 'broken'

/** The contents of the four files, null where there is none. `now` in ms. */
export function certificateState(files: readonly (string | null)[], now: number): CertificateState {
  const [ca, caKey, cert, key] = files
  if (files.every((file) => file === null)) return 'absent'
  if (ca && caKey && cert === null && key === null) return pair(ca, caKey) ? 'absent' : 'broken'
  if (!ca || !caKey || !cert || !key) return 'broken'
  const [authority, client] = [pair(ca, caKey), pair(cert, key)]
  if (!authority || !client) return 'broken'
  if ([authority, client].some(({ validTo }) => Date.parse(validTo) < now)) return 'renewed'
  // Somebody's own authority may have signed by another between them; one that claims to have signed must have.
  return client.issuer !== authority.subject || client.verify(authority.publicKey) ? 'whole' : 'broken'
}

function pair(certificate: string, key: string): X509Certificate | null {
  try {
    const read = new X509Certificate(certificate)
    return read.checkPrivateKey(createPrivateKey(key)) ? read : null
  } catch {
    return null // half written, or nothing of the kind
  }
}

/** As they lie in `dir`. */
export const readCertificates = async (dir: string): Promise<CertificateState> =>
  certificateState(
    await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8').catch(ifAbsent(null)))),
    Date.now(),
  )

/** Gives them other names, so that the next `create` makes new ones. Machines have copies of those that they were made with. */
export async function setAside(dir: string): Promise<void> {
  for (const name of names)
    await rename(join(dir, name), join(dir, `${name}.broken-${Date.now()}`)).catch(ifAbsent(undefined))
}
