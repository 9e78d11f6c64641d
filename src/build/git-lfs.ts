/**
 * in: a checked-out commit whose Git LFS files are pointers. out: those files' content in their place.
 * guarantees: asked of the LFS server that belongs to the repository's own address, whatever .lfsconfig says, so that a credential goes
 * nowhere else; content is put only where a regular file inside the checkout is; and no more bytes than are allowed.
 * https://github.com/git-lfs/git-lfs/blob/main/docs/api/server-discovery.md
 */
import { chmod, constants, copyFile, lstat, readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { BuildError } from './build-error.ts'
import { gitError } from './git-error.ts'
import type { Git } from './git-run.ts'
import type { GitUrl } from './git-url.ts'

const Listed = z.object({
  files: z
    .array(
      z.object({
        name: z.string().min(1),
        size: z.int().nonnegative(),
        oid: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .nullable(),
})

/** How often git-lfs may ask for the password: for the list of files, and for downloads at once. */
const asks = 20

type Wanted = {
  url: GitUrl
  commit: string
  data: string
  tree: string
  offered: { secret?: string }
  maxBytes: number
  log: (text: string) => void
}

/** How many bytes came. Errors: `lfs-absent`, `lfs-invalid`, `lfs-not-offered`, `checkout-too-large`, and those of git. */
export async function fetchLfs(git: Git, wanted: Wanted): Promise<number> {
  const list = join(wanted.data, 'git', 'lfs-files')
  await git.must(['lfs', 'ls-files', '--json', wanted.commit], { toFile: list })
  const listed = Listed.safeParse(JSON.parse(await readFile(list, 'utf8')))
  if (!listed.success) throw new BuildError('lfs-invalid', 'git lfs lists its files in a form that is not known')
  const files = listed.data.files ?? []
  if (files.length === 0) return 0
  const bytes = files.reduce((sum, file) => sum + file.size, 0)
  if (bytes > wanted.maxBytes)
    throw new BuildError('checkout-too-large', `its Git LFS files have ${bytes} bytes; ${wanted.maxBytes} are allowed`)
  wanted.log(`fetching ${files.length} files (${bytes} bytes) from Git LFS\n`)
  const settings = lfsSettings(wanted.url).flatMap(([key, value]) => ['-c', `${key}=${value}`])
  const { secret } = wanted.offered
  const offered = secret === undefined ? {} : { secret: Array.from({ length: asks }, () => secret).join('\n') }
  const fetched = await git.run([...settings, 'lfs', 'fetch', 'origin', wanted.commit], offered)
  if (fetched.code !== 0) throw gitError(`${fetched.stdout}\n${fetched.stderr}`, wanted.url.text)
  for (const file of files) await put(wanted, file)
  return bytes
}

/** Before what .lfsconfig says. Over ssh the server is asked for its address and a token of its own. */
const lfsSettings = (url: GitUrl): [string, string][] => [
  ['remote.origin.url', url.text],
  [
    'lfs.url',
    url.protocol === 'ssh' ? url.text : `${url.text.replace(/\/+$/, '').replace(/(\.git)?$/, '.git')}/info/lfs`,
  ],
  ['lfs.basictransfersonly', 'true'],
  ['lfs.skipdownloaderrors', 'false'],
  ['lfs.fetchinclude', ''],
  ['lfs.fetchexclude', ''],
  ['lfs.transfer.maxretries', '2'],
]

/** The object in place of its pointer. git-lfs has checked it against its id. */
async function put({ data, tree }: Wanted, { name, oid }: { name: string; oid: string }): Promise<void> {
  const path = join(tree, name)
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  if (!found?.isFile() || (await realpath(dirname(path))) !== join(await realpath(tree), dirname(name)))
    throw new BuildError('lfs-invalid', `the Git LFS file ${name} is no regular file of the checkout`)
  const object = join(data, 'git', 'lfs', 'objects', oid.slice(0, 2), oid.slice(2, 4), oid)
  await rm(path)
  await copyFile(object, path, constants.COPYFILE_EXCL)
  await chmod(path, found.mode & 0o777)
}
