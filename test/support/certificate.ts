import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate that vouches for itself, for `localhost`, PEM; `file` is where the certificate lies until `remove`. */
export type Certificate = { key: string; cert: string; file: string; remove: () => void }

/** Made with openssl, new for each caller. */
export function makeCertificate(): Certificate {
  const dir = mkdtempSync(join(tmpdir(), 'certificate-'))
  const [key, file] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, '-keyout', key, '-out', file]
  execFileSync('openssl', made, { stdio: 'ignore' })
  const read = (name: string) => readFileSync(name, 'utf8')
  return { key: read(key), cert: read(file), file, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
