const pages = [/^\/(account|mails)?$/, /^\/(tags|builds|mails)\/[^/?#\\\s]+$/, /^\/(mails)?\?[^#\\\s]+$/]

/** A page of ours to go to after signing in, as a path and perhaps a query; the first where it is none. */
export const nextPlace = (wanted: unknown): string =>
  typeof wanted === 'string' && wanted.length <= 2000 && pages.some((page) => page.test(wanted)) ? wanted : '/'
