/**
 * in: what a page says. out: the page, for a browser without scripts, on a phone, by keyboard or read aloud.
 * guarantees: everything in it is escaped; nothing runs in it, nothing is loaded from elsewhere, nobody frames it, nobody keeps it.
 */
import { createHash } from 'node:crypto'
import type { Response } from 'express'
import { Html, html } from './html.ts'

const style = `:root{color-scheme:light dark}*{box-sizing:border-box}
body{margin:0;font:17px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main,header{max-width:44em;margin:0 auto;padding:0 20px}main{padding-bottom:48px}
header{display:flex;flex-wrap:wrap;gap:4px 20px;align-items:center;padding-top:12px;padding-bottom:12px;border-bottom:1px solid #8886}
header form{margin-left:auto}h1{font-size:26px;line-height:1.25}h2{font-size:20px;margin:36px 0 8px}
label{display:block;margin:14px 0 4px}label.check{display:flex;gap:10px;align-items:center}
input,select,button,.button{font:inherit;padding:9px 12px;border:1px solid #8888;border-radius:6px;max-width:100%}
input:not([type=checkbox]),select{width:100%;max-width:26em;background:Field;color:FieldText}input[type=checkbox]{width:20px;height:20px}
button,.button{cursor:pointer;margin-top:14px;background:ButtonFace;color:ButtonText;display:inline-block;text-decoration:none}
header button,li button{margin-top:0;padding:4px 12px}button.main{background:#0b5cad;border-color:#0b5cad;color:#fff}
:focus-visible{outline:3px solid #f90;outline-offset:2px}
ul.rows{list-style:none;margin:0;padding:0}ul.rows li{padding:10px 0;border-bottom:1px solid #8884;display:flex;gap:4px 16px;flex-wrap:wrap;justify-content:space-between;align-items:center}
.state{font-size:20px;font-weight:600;border-left:6px solid #8888;padding-left:12px}.state.outdated,.state.failed{border-color:#c22}.state.current,.state.succeeded{border-color:#2a2}
dt{font-size:15px;opacity:.85}dd{margin:0 0 10px}
.mark{border-left:4px solid #8888;padding-left:8px}.mark.failed{border-color:#c22}.mark.sent{border-color:#2a2}.mark.kept{border-color:#f90}.state.sent{border-color:#2a2}.state.kept{border-color:#f90}
pre{font:14px/1.45 ui-monospace,monospace;white-space:pre-wrap;border:1px solid #8884;border-radius:6px;padding:12px}@media(max-width:600px){pre{font-size:12px;padding:8px}}
.small{font-size:15px;opacity:.85}.told{border-left:5px solid #0b5cad;padding:8px 14px;background:#8881}.fault{border-left-color:#c22}
code{font:15px ui-monospace,monospace}`

const styleHash = createHash('sha256').update(style).digest('base64')

const headers = {
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex',
  // without its own address a browser would send "Origin: null" with our own forms
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
}

/** `root`: the path below which we are reached, without a slash at its end. `who`: who is signed in. */
export type Page = { title: string; root: string; who: string | null; body: Html; status?: number }

const head = (
  root: string,
  who: string,
) => html`<header><nav aria-label="Drydock"><a href="${root}/">Outdated</a> · <a href="${root}/account">Account</a></nav>
<form method="post" action="${root}/sign-out"><button type="submit">Sign out ${who}</button></form></header>`

export const pageText = ({ title, root, who, body }: Page): string =>
  html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Drydock</title><style>${new Html(style)}</style></head>
<body>${who !== null && head(root, who)}
<main><h1>${title}</h1>
${body}
</main></body></html>
`.text

export function sendPage(response: Response, page: Page): void {
  response
    .status(page.status ?? 200)
    .set(headers)
    .type('html')
    .send(pageText(page))
}

/** What went wrong, or was done: read aloud at once. */
export const told = (text: string | null, kind: 'fault' | 'done' = 'fault'): Html | null =>
  text === null ? null : html`<p class="told ${kind}" role="${kind === 'fault' ? 'alert' : 'status'}">${text}</p>`

/** "2026-11-21 02:58:01 UTC" of an ISO 8601 time in UTC. */
export const readable = (time: string): string => `${time.slice(0, 19).replace('T', ' ')} UTC`
