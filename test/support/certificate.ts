import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/** An authority of a test's own, in the file `file`; `issue` makes a key and a certificate that it vouches for, for names like `DNS:localhost`, `IP:::1`. */
export type Authority = {
  file: string
  issue: (...names: string[]) => { key: string; cert: string }
  remove: () => void
}

/** Made with openssl, new for each caller. */
export function makeAuthority(): Authority {
  const dir = mkdtempSync(join(tmpdir(), 'authority-'))
  const [caKey, file] = [join(dir, 'ca.key'), join(dir, 'ca.pem')]
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore' })
  const made = ['-newkey', 'rsa:2048', '-nodes', '-subj']
  openssl('req', '-x509', ...made, '/CN=An authority of a test', '-days', '2', '-keyout', caKey, '-out', file)
  const issue = (...names: string[]) => {
    const [key, request, cert, extensions] = ['key', 'request', 'cert', 'extensions'].map((name) =>
      join(dir, name),
    ) as [string, string, string, string]
    writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`)
    openssl('req', ...made, '/CN=a server', '-keyout', key, '-out', request)
    const by = ['-CA', file, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', extensions]
    openssl('x509', '-req', '-in', request, ...by, '-out', cert)
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  }
  return { file, issue, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
