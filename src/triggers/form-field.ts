/** The JSON in a form's field `payload`, as GitHub and Gitea send it where that is chosen; null: the body is no form, or has no such field. */
export const formField = (body: Buffer, contentType: string | undefined): string | null =>
  /^application\/x-www-form-urlencoded\b/i.test(contentType ?? '')
    ? new URLSearchParams(body.toString('utf8')).get('payload')
    : null
