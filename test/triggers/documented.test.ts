import { describe, expect, test } from '@jest/globals'
import { readGitPush } from '../../src/triggers/git-push.ts'
import { giteaPush, githubTagRemoved, gitlabPush, gitlabTag } from './documented.ts'

describe("the git servers' own examples", () => {
  test('GitHub: a tag was removed', () => {
    expect(readGitPush(githubTagRemoved)).toEqual({
      repositories: new Set(['github.com/codertocat/hello-world']),
      ...{ ref: 'refs/tags/simple-tag', deleted: true, commit: null, pusher: 'Codertocat' },
      ...{ defaultBranch: 'master', files: null },
    })
  })
  test('GitLab: a push of more commits than are listed, and of all that are', () => {
    const push = {
      repositories: new Set(['example.com/mike/diaspora']),
      ...{ ref: 'refs/heads/master', deleted: false, commit: gitlabPush.after, pusher: 'jsmith' },
      ...{ defaultBranch: 'master', files: null },
    }
    expect(readGitPush(gitlabPush)).toEqual(push)
    const files = ['CHANGELOG', 'app/controller/application.rb']
    expect(readGitPush({ ...gitlabPush, total_commits_count: 2 })).toEqual({ ...push, files })
  })
  test('GitLab: a new tag; of an annotated one the commit is told, not the tag itself', () => {
    expect(readGitPush(gitlabTag)).toEqual({
      repositories: new Set(['example.com/jsmith/example']),
      ...{ ref: 'refs/tags/v1.0.0', deleted: false, commit: gitlabTag.after, pusher: 'John Smith' },
      ...{ defaultBranch: 'master', files: null },
    })
    const commit = 'c'.repeat(40)
    expect(readGitPush({ ...gitlabTag, checkout_sha: commit })?.commit).toBe(commit)
  })
  test('Gitea: a push whose files nobody told, nor how many commits', () => {
    const push = {
      repositories: new Set(['localhost:3000/gitea/webhooks', 'localhost:2222/gitea/webhooks']),
      ...{ ref: 'refs/heads/develop', deleted: false, commit: giteaPush.after, pusher: 'gitea' },
      ...{ defaultBranch: 'master', files: null },
    }
    expect(readGitPush(giteaPush)).toEqual(push)
    const commits = giteaPush.commits.map((commit) => ({ ...commit, added: ['a'], modified: [], removed: [] }))
    expect(readGitPush({ ...giteaPush, commits })).toEqual(push)
    expect(readGitPush({ ...giteaPush, commits, total_commits: 1 })).toEqual({ ...push, files: ['a'] })
    expect(readGitPush({ ...giteaPush, commits, total_commits: 2 })).toEqual(push)
  })
})
