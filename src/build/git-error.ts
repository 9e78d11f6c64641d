import { BuildError } from './build-error.ts'

/** What git or git-lfs said, told apart. The address holds no secret, and neither writes the password anywhere. */
export function gitError(stderr: string, url: string): BuildError {
  const said = stderr.trim().split('\n').slice(-4).join(' ')
  const found = kinds.find(([, pattern]) => pattern.test(stderr))
  const [code, , words, retryable = false] = found ?? ['git-failed', null, (at: string) => `git could not fetch ${at}`]
  return new BuildError(code, `${words(url)} (${said})`, { retryable })
}

/** The first that fits counts. */
const kinds: readonly (readonly [code: string, said: RegExp, words: (url: string) => string, retryable?: boolean])[] = [
  [
    'lfs-absent',
    /'lfs' is not a git command/,
    (url) => `${url} keeps files in Git LFS, and git-lfs is not installed where it is checked out`,
  ],
  [
    'disk-full',
    /No space left on device|Out of diskspace/i,
    (url) => `no space left where builds work, at the checkout of ${url}`,
    true,
  ],
  ['checkout-too-large', /died of signal 25|SIGXFSZ|File size limit|File too large/i, (url) => `${url} is too large`],
  ['git-redirect', /returned error: 30\d/, (url) => `${url} redirects elsewhere: write the new address`],
  [
    'git-host-key',
    /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known/i,
    (url) => `${url}: the server's key is not among the credential's known hosts`,
  ],
  [
    'git-auth',
    /Authentication (failed|required)|could not read (Username|Password)|returned error: 40[13]|Permission denied|askpass|Authorization error|credentials for .* not found|Git credentials/i,
    (url) => `${url} refuses us`,
  ],
  [
    'git-tls',
    /certificate|gnutls_handshake|SSL_ERROR|TLS connect error/i,
    (url) => `${url}: its TLS certificate is not one that is trusted here`,
  ],
  [
    'git-repository-absent',
    /repository '.*' not found|repository not found|does not appear to be a git repository|is this a git repository/i,
    (url) => `${url}: no repository is there, or none that is shown to us`,
  ],
  ['git-path-invalid', /invalid path '/, (url) => `${url} has a path in it that may not be checked out`],
  ['git-protocol', /transport '.*' not allowed/, (url) => `${url} may not be used`],
  [
    'git-unreachable',
    /Could not resolve|Failed to connect|Connection (refused|reset|timed out|closed)|returned error: 5\d\d|timed out|Operation too slow|Empty reply|early EOF|transfer closed|unexpected disconnect|Timeout, server|connection refused|no such host/i,
    (url) => `${url} does not answer`,
    true,
  ],
  [
    'lfs-not-offered',
    /git-lfs-authenticate|batch request: invalid character/,
    (url) => `${url} keeps files in Git LFS, and its server does not say over ssh where they are`,
  ],
  ['git-ref-not-found', /not our ref|couldn't find remote ref/i, (url) => `${url} does not have it`],
]
