/**
 * The examples that the git servers' own documentation gives of a push, with those of their fields that say what was pushed, where and by
 * whom; names, ids and addresses as they stand there.
 */

/** https://github.com/octokit/webhooks/blob/main/payload-examples/api.github.com/push/payload.json */
export const githubTagRemoved = {
  ref: 'refs/tags/simple-tag',
  before: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
  after: '0000000000000000000000000000000000000000',
  ...{ created: false, deleted: true, forced: false, base_ref: null, commits: [], head_commit: null },
  compare: 'https://github.com/Codertocat/Hello-World/compare/6113728f27ae...000000000000',
  repository: {
    ...{ id: 186853002, name: 'Hello-World', full_name: 'Codertocat/Hello-World', private: false, fork: false },
    html_url: 'https://github.com/Codertocat/Hello-World',
    url: 'https://github.com/Codertocat/Hello-World',
    git_tags_url: 'https://api.github.com/repos/Codertocat/Hello-World/git/tags{/sha}',
    git_url: 'git://github.com/Codertocat/Hello-World.git',
    ssh_url: 'git@github.com:Codertocat/Hello-World.git',
    clone_url: 'https://github.com/Codertocat/Hello-World.git',
    svn_url: 'https://github.com/Codertocat/Hello-World',
    ...{ created_at: 1557933565, pushed_at: 1557933657, default_branch: 'master', master_branch: 'master' },
  },
  pusher: { name: 'Codertocat', email: '21031067+Codertocat@users.noreply.github.com' },
  sender: { login: 'Codertocat', id: 21031067, type: 'User', site_admin: false },
}

const diaspora = {
  ...{ id: 15, name: 'Diaspora', description: '', avatar_url: null, namespace: 'Mike', visibility_level: 0 },
  web_url: 'http://example.com/mike/diaspora',
  git_ssh_url: 'git@example.com:mike/diaspora.git',
  git_http_url: 'http://example.com/mike/diaspora.git',
  ...{ path_with_namespace: 'mike/diaspora', default_branch: 'master' },
  homepage: 'http://example.com/mike/diaspora',
  url: 'git@example.com:mike/diaspora.git',
  ssh_url: 'git@example.com:mike/diaspora.git',
  http_url: 'http://example.com/mike/diaspora.git',
}

const touched = { added: ['CHANGELOG'], modified: ['app/controller/application.rb'], removed: [] }

/** Two of its four commits are listed. https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events */
export const gitlabPush = {
  ...{ object_kind: 'push', event_name: 'push', ref: 'refs/heads/master' },
  before: '95790bf891e76fee5e1747ab589903a6a1f80f22',
  after: 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
  checkout_sha: 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
  ...{ user_id: 4, user_name: 'John Smith', user_username: 'jsmith', user_email: 'john@example.com', project_id: 15 },
  project: diaspora,
  repository: {
    ...{ name: 'Diaspora', url: 'git@example.com:mike/diaspora.git', homepage: 'http://example.com/mike/diaspora' },
    git_http_url: 'http://example.com/mike/diaspora.git',
    git_ssh_url: 'git@example.com:mike/diaspora.git',
  },
  commits: [
    { id: 'b6568db1bc1dcd7f8b4d5a946b0b91f9dacd7327', timestamp: '2011-12-12T14:27:31+02:00', ...touched },
    { id: 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7', timestamp: '2012-01-03T23:36:29+02:00', ...touched },
  ],
  total_commits_count: 4,
}

/** https://docs.gitlab.com/user/project/integrations/webhook_events/#tag-events */
export const gitlabTag = {
  ...{ object_kind: 'tag_push', event_name: 'tag_push', ref: 'refs/tags/v1.0.0' },
  before: '0000000000000000000000000000000000000000',
  after: '82b3d5ae55f7080f1e6022629cdb57bfae7cccc7',
  checkout_sha: '82b3d5ae55f7080f1e6022629cdb57bfae7cccc7',
  ...{ user_id: 1, user_name: 'John Smith', project_id: 1 },
  project: {
    ...{ id: 1, name: 'Example', namespace: 'Jsmith', path_with_namespace: 'jsmith/example', default_branch: 'master' },
    web_url: 'http://example.com/jsmith/example',
    git_ssh_url: 'git@example.com:jsmith/example.git',
    git_http_url: 'http://example.com/jsmith/example.git',
  },
  repository: { name: 'Example', url: 'ssh://git@example.com/jsmith/example.git' },
  commits: [],
  total_commits_count: 0,
}

/** Of a version that counts no commits and lists no files. https://docs.gitea.com/usage/webhooks#event-information */
export const giteaPush = {
  ref: 'refs/heads/develop',
  before: '28e1879d029cb852e4844d9c718537df08844e03',
  after: 'bffeb74224043ba2feb48d137756c8a9331c449a',
  compare_url:
    'http://localhost:3000/gitea/webhooks/compare/28e1879d029cb852e4844d9c718537df08844e03...bffeb74224043ba2feb48d137756c8a9331c449a',
  commits: [
    {
      id: 'bffeb74224043ba2feb48d137756c8a9331c449a',
      message: 'Webhooks Yay!',
      url: 'http://localhost:3000/gitea/webhooks/commit/bffeb74224043ba2feb48d137756c8a9331c449a',
      author: { name: 'Gitea', email: 'someone@gitea.io', username: 'gitea' },
      timestamp: '2017-03-13T13:52:11-04:00',
    },
  ],
  repository: {
    ...{
      id: 140,
      name: 'webhooks',
      full_name: 'gitea/webhooks',
      private: false,
      fork: false,
      default_branch: 'master',
    },
    html_url: 'http://localhost:3000/gitea/webhooks',
    ssh_url: 'ssh://gitea@localhost:2222/gitea/webhooks.git',
    clone_url: 'http://localhost:3000/gitea/webhooks.git',
  },
  pusher: { id: 1, login: 'gitea', full_name: 'Gitea', email: 'someone@gitea.io', username: 'gitea' },
  sender: { id: 1, login: 'gitea', full_name: 'Gitea', email: 'someone@gitea.io', username: 'gitea' },
}
