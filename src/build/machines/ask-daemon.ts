import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { childEnv } from '../child-env.ts'
import { runProcess } from '../run-process.ts'

/** Whether the three files that DOCKER_CERT_PATH must hold are there. */
export async function hasCertificates(dir: string): Promise<boolean> {
  if (dir === '') return false
  const found = ['ca.pem', 'cert.pem', 'key.pem'].map((file) =>
    stat(join(dir, file)).then(
      () => true,
      () => false,
    ),
  )
  return (await Promise.all(found)).every((there) => there)
}

const answerMs = 20_000

/** Null where the daemon answers the docker command, over TLS; else why not. */
export async function askDaemon(
  endpoint: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string | null> {
  const limit = AbortSignal.timeout(answerMs)
  const nobodys = endpoint.DOCKER_CERT_PATH ?? '/nonexistent'
  const env = childEnv({ ...endpoint, DOCKER_CONFIG: nobodys, HOME: nobodys })
  const args = ['version', '--format', '{{.Server.Version}}']
  try {
    const ran = await runProcess('docker', args, { env, signal: AbortSignal.any([signal, limit]) })
    return ran.code === 0 ? null : (ran.stderr.trim().split('\n').at(-1) ?? 'no answer')
  } catch (error) {
    if (limit.aborted && !signal.aborted) return `its daemon gives no answer in ${answerMs / 1000} s`
    throw error
  }
}
