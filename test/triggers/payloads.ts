/** Push webhooks in the shapes that GitHub, GitLab and Gitea document, about repository team/app. */
export const nothing = '0'.repeat(40)
export const before = 'b'.repeat(40)
export const after = 'a'.repeat(40)

export type Touched = { added?: string[]; modified?: string[]; removed?: string[] }
const commit = (touched: Touched, i: number) => ({
  id: String(i + 1)
    .repeat(40)
    .slice(0, 40),
  message: 'a change',
  timestamp: '2026-11-20T10:00:00+01:00',
  author: { name: 'Ada', email: 'ada@example.org' },
  ...{ added: [], modified: [], removed: [], ...touched },
})
const commits = (all: Touched[]) => all.map(commit)

export const github = (
  ref = 'refs/heads/main',
  touched: Touched[] = [{ modified: ['app.ts'] }],
  more: object = {},
) => ({
  ...{ ref, before, after, base_ref: null, created: false, deleted: false, forced: false },
  repository: {
    ...{ id: 1, name: 'app', full_name: 'team/app', private: true, default_branch: 'main' },
    html_url: 'https://git.example/team/app',
    url: 'https://git.example/team/app',
    git_url: 'git://git.example/team/app.git',
    ssh_url: 'git@git.example:team/app.git',
    clone_url: 'https://git.example/team/app.git',
    svn_url: 'https://git.example/team/app',
  },
  pusher: { name: 'ada', email: 'ada@example.org' },
  sender: { login: 'ada', id: 2 },
  compare: 'https://git.example/team/app/compare/bbb...aaa',
  commits: commits(touched),
  head_commit: touched.length > 0 ? { ...commit(touched.at(-1)!, touched.length - 1), id: after } : null,
  ...more,
})

export const gitlab = (
  ref = 'refs/heads/main',
  touched: Touched[] = [{ modified: ['app.ts'] }],
  more: object = {},
) => ({
  object_kind: ref.startsWith('refs/tags/') ? 'tag_push' : 'push',
  event_name: ref.startsWith('refs/tags/') ? 'tag_push' : 'push',
  ...{ before, after, ref, checkout_sha: after, message: null, user_id: 4, project_id: 1 },
  ...{ user_name: 'Ada L.', user_username: 'ada', user_email: '' },
  project: {
    ...{
      id: 1,
      name: 'app',
      description: '',
      namespace: 'Team',
      path_with_namespace: 'team/app',
      default_branch: 'main',
    },
    web_url: 'https://git.example/team/app',
    git_ssh_url: 'git@git.example:team/app.git',
    git_http_url: 'https://git.example/team/app.git',
    homepage: 'https://git.example/team/app',
    url: 'git@git.example:team/app.git',
    ssh_url: 'git@git.example:team/app.git',
    http_url: 'https://git.example/team/app.git',
  },
  repository: { name: 'app', url: 'git@git.example:team/app.git', git_http_url: 'https://git.example/team/app.git' },
  commits: commits(touched),
  total_commits_count: touched.length,
  ...more,
})

export const gitea = (ref = 'refs/heads/main', touched: Touched[] = [{ modified: ['app.ts'] }], more: object = {}) => ({
  ...{ ref, before, after, compare_url: 'http://git.example:3000/team/app/compare/b...a' },
  commits: commits(touched),
  total_commits: touched.length,
  head_commit: touched.length > 0 ? { ...commit(touched.at(-1)!, touched.length - 1), id: after } : null,
  repository: {
    ...{ id: 1, name: 'app', full_name: 'team/app', default_branch: 'main' },
    html_url: 'http://git.example:3000/team/app',
    ssh_url: 'ssh://git@git.example:2222/team/app.git',
    clone_url: 'http://git.example:3000/team/app.git',
  },
  pusher: { id: 2, login: 'ada', full_name: 'Ada L.', username: 'ada' },
  sender: { id: 2, login: 'ada' },
  ...more,
})
