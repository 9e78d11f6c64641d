import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * The authority and the client's certificate of a store, as `BootstrapCertificates` of libmachine/cert/bootstrap.go makes them: with
 * nothing that keeps two first creations apart, the certificate before its key, and an end where half of it is there.
 */
export function bootstrapCertificates(certs: string, say: (line: string) => void): void {
  mkdirSync(certs, { recursive: true, mode: 0o700 })
  const at = (name: string) => join(certs, `${name}.pem`)
  const made = withScratch((scratch) => {
    if (existsSync(at('ca'))) return false
    say(`Creating CA: ${at('ca')}`)
    if (existsSync(at('ca-key'))) throw new Error(generating('certificate authority key already exists'))
    const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', join(scratch, 'ca-key.pem')]
    const more = ['-subj', '/O=stand-in', '-days', '30', '-addext', 'keyUsage=keyCertSign']
    openssl(['req', '-x509', ...key, ...more, '-out', join(scratch, 'ca.pem')])
    for (const name of ['ca', 'ca-key']) writeFileSync(at(name), readFileSync(join(scratch, `${name}.pem`)))
    return true
  })
  if (!made && readFileSync(at('ca'), 'utf8').trim() === '') throw new Error(generating('Failed to decode PEM data'))
  if (existsSync(at('cert'))) return
  say(`Creating client certificate: ${at('cert')}`)
  if (existsSync(at('key'))) throw new Error(generating('client key already exists'))
  signed(certs, 'extendedKeyUsage=clientAuth', at('cert'), at('key'))
}

/** The server's certificate for this machine, beside copies of the client's: part of the provisioning. */
export function serverCertificates(certs: string, machineDir: string): void {
  const to = (name: string) => join(machineDir, `${name}.pem`)
  for (const name of ['ca', 'cert', 'key']) copyFileSync(join(certs, `${name}.pem`), to(name))
  const names = 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth'
  signed(certs, names, to('server'), to('server-key'))
}

const generating = (why: string): string => `Error creating machine: Error generating certificates: ${why}`

function signed(certs: string, extensions: string, cert: string, key: string): void {
  for (const name of ['ca', 'ca-key'])
    if (!existsSync(join(certs, `${name}.pem`)))
      throw new Error(generating(`open ${join(certs, `${name}.pem`)}: no such file or directory`))
  withScratch((scratch) => {
    const at = (name: string) => join(scratch, name)
    writeFileSync(at('more'), extensions)
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', at('key')]
    openssl(['req', '-subj', '/O=stand-in.<bootstrap>', ...newKey, '-out', at('request')])
    const by = ['-CA', join(certs, 'ca.pem'), '-CAkey', join(certs, 'ca-key.pem'), '-set_serial', `0x${serial()}`]
    openssl(['x509', '-req', '-in', at('request'), ...by, '-days', '30', '-extfile', at('more'), '-out', at('cert')])
    writeFileSync(cert, readFileSync(at('cert')))
    writeFileSync(key, readFileSync(at('key')), { mode: 0o600 })
  })
}

const serial = (): string =>
  `01${process.pid.toString(16).padStart(8, '0')}${Date.now().toString(16).padStart(14, '0')}`

function withScratch<T>(work: (dir: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'stand-in-'))
  try {
    return work(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const openssl = (args: string[]): void => void execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
