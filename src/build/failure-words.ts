import type { Failure } from './build-error.ts'

/** What each code says to somebody who may not build: nothing of recipes, credentials, addresses or names. As docs/design/build.md has it. */
const sentences: readonly (readonly [sentence: string, codes: string])[] = [
  [
    'its recipe cannot be run as it is',
    'recipe-invalid ref-invalid git-url git-protocol no-builder arg-refused secret-refused',
  ],
  [
    'its source could not be fetched',
    'git-auth git-host-key git-redirect git-tls git-repository-absent git-ref-not-found git-path-invalid git-unreachable git-timeout git-failed submodule-invalid lfs-absent lfs-invalid lfs-not-offered checkout-too-large',
  ],
  [
    'its source cannot be built as it is',
    'context-missing context-outside-checkout dockerfile-missing dockerfile-outside-checkout dockerfile-invalid frontend-refused onbuild-refused target-absent head-unreadable',
  ],
  [
    'a credential that it needs is missing, or not for this use',
    'credential-missing credential-not-for-url vault-format vault-key',
  ],
  [
    'a base could not be found or read',
    'unresolved-arg base-invalid base-absent base-denied base-unreachable platform-absent',
  ],
  ['its Dockerfile could not be read', 'reader-absent reader-lost'],
  ['nothing here was ready to build it', 'docker-absent buildkit-absent program-missing'],
  ['the build itself failed', 'build-failed'],
  ['what was built could not be pushed', 'push-failed push-refused push-mismatch'],
  ['what was built failed its own check', 'verify-failed'],
  ['its registry is not configured any more', 'registry-gone'],
  [
    'there was no machine to build it on',
    'machine-profile machine-settings machine-command machine-store machine-quota machine-failed machine-unreachable machine-lost machine-left',
  ],
  [
    "it could not be put on its base's new content",
    'index-not-supported ambiguous-base base-unnamed base-pinned not-a-prefix platform-differs tag-absent tag-moved old-base-absent config-unreadable',
  ],
  [
    'the build service could not build it',
    'builder-unreachable builder-unauthorised builder-absent builder-refused builder-conflict builder-lost builder-answer credentials-unreadable job-invalid',
  ],
  [
    'a registry could not be asked, or its answer not be used',
    'unauthorized rate-limited registry-error timeout unreachable digest-mismatch too-large bad-response',
  ],
  ['it took too long', 'timed-out'],
  ['it was cancelled', 'cancelled'],
  ['nobody wanted it any more', 'no-longer-wanted'],
  ['there was no space left to build it', 'disk-full'],
  ['it was built and pushed, and is still outdated', 'still-outdated'],
  ['it was pushed, and some further tags could not be moved along', 'tags-not-moved'],
  ['its workers died at it', 'worker-died'],
  ['something went wrong that should not', 'internal'],
  ['what it left could not be removed', 'cleanup-failed cleanup-unfinished'],
  ['an attempt was interrupted', 'claim-lost shutting-down interrupted'],
]

const byCode = new Map(sentences.flatMap(([sentence, codes]) => codes.split(' ').map((code) => [code, sentence])))

/** A sentence of the code alone; of a code nobody knows: that it could not be done. */
export const failureWords = (code: string | null): string => byCode.get(code ?? '') ?? 'the build could not be done'

/** A failure as it is told: whole to who may build in its namespace, to others its code and `retryable`, and a sentence of the code. */
export const failureFor = <T extends Failure>(failure: T, mayBuild: boolean): T =>
  mayBuild ? failure : { ...failure, message: failureWords(failure.code) }
