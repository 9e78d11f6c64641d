import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * An authority and a client certificate for all machines of a store (`certs/{ca,ca-key,cert,key}.pem`), made once, and a server
 * certificate for this one (`MACHINE/{server,server-key}.pem`, beside copies of the client's). Made with openssl.
 */
export function makeCertificates(certs: string, machineDir: string): void {
  mkdirSync(certs, { recursive: true, mode: 0o700 })
  const own = mkdtempSync(join(certs, 'new-'))
  if (!existsSync(join(certs, 'made'))) {
    const ca = ['req', '-x509', '-subj', '/O=stand-in', '-days', '30', ...newKey(join(own, 'ca-key.pem'))]
    openssl([...ca, '-addext', 'keyUsage=keyCertSign', '-out', join(own, 'ca.pem')])
    sign(own, join(own, 'ca'), 'cert', 'key', 'extendedKeyUsage=clientAuth')
    settle(own, certs)
  }
  sign(
    own,
    join(certs, 'ca'),
    'server',
    'server-key',
    'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth',
  )
  for (const name of ['server', 'server-key']) copyFileSync(join(own, `${name}.pem`), join(machineDir, `${name}.pem`))
  for (const name of ['ca', 'cert', 'key']) copyFileSync(join(certs, `${name}.pem`), join(machineDir, `${name}.pem`))
  rmSync(own, { recursive: true })
}

const newKey = (file: string): string[] => [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:prime256v1',
  '-nodes',
  '-keyout',
  file,
]
const openssl = (args: string[]): void => void execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })

function sign(dir: string, ca: string, name: string, key: string, extensions: string): void {
  const [request, more] = [join(dir, `${name}.csr`), join(dir, `${name}.cnf`)]
  writeFileSync(more, extensions)
  openssl(['req', '-subj', `/O=stand-in.${name}`, ...newKey(join(dir, `${key}.pem`)), '-out', request])
  const by = ['-CA', `${ca}.pem`, '-CAkey', `${ca}-key.pem`, '-CAcreateserial', '-CAserial', join(dir, 'serial')]
  openssl(['x509', '-req', '-in', request, ...by, '-days', '30', '-extfile', more, '-out', join(dir, `${name}.pem`)])
}

/** Two first creations at once: whoever links `ca-key.pem` first has made the authority, the other waits for it and takes it. */
function settle(own: string, certs: string): void {
  try {
    linkSync(join(own, 'ca-key.pem'), join(certs, 'ca-key.pem'))
    for (const name of ['ca', 'cert', 'key']) copyFileSync(join(own, `${name}.pem`), join(certs, `${name}.pem`))
    writeFileSync(join(certs, 'made'), '')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const until = Date.now() + 5000
    while (!existsSync(join(certs, 'made')))
      if (Date.now() > until) throw new Error(`${certs} holds half an authority: remove it`)
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
}
