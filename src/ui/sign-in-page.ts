import { type Html, html } from './html.ts'
import { told } from './page.ts'

export type SignInWords = {
  root: string
  /** where to go afterwards, a path of ours */
  next: string
  /** host of the provider; null: there is none */
  provider: string | null
  name: string
  fault: string | null
}

export const signInBody = ({ root, next, provider, name, fault }: SignInWords): Html => html`${told(fault)}
${
  provider !== null &&
  html`<p><a class="button" href="${root}/auth/start?${new URLSearchParams({ next }).toString()}">Sign in with ${provider}</a></p>
<h2>With a password</h2>`
}
<form method="post" action="${root}/sign-in">
<input type="hidden" name="next" value="${next}">
<label for="name">Name</label>
<input id="name" name="name" value="${name}" autocomplete="username" autocapitalize="none" spellcheck="false" required${autofocus(provider === null && name === '')}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${autofocus(name !== '')}>
<p><button class="main" type="submit">Sign in</button></p>
</form>
<p class="small">Passwords are set by an admin: <code>drydock user password NAME</code>.</p>`

const autofocus = (wanted: boolean): Html => (wanted ? html` autofocus` : html``)

export const signOutBody = (
  root: string,
): Html => html`<p>You leave Drydock in this browser. Others where you are signed in stay so.</p>
<form method="post" action="${root}/sign-out"><button class="main" type="submit">Sign out</button></form>`
