import { finderOf, type SecretForms, secretForms } from './secret-forms.ts'

/** Hides secrets in text that comes in pieces: a secret that is cut in two by the pieces is hidden as well. */
export type Mask = {
  /** from now on hides this secret, and the forms in which tools write it (base64 of user:secret, percent-encoded, …) */
  add(secret: string, username?: string): void
  /** takes a piece and gives what can safely be shown by now */
  feed(piece: string): string
  /** a text that is whole, without the secrets known by now; what was fed is not touched */
  whole(text: string): string
  /** gives what was held back */
  end(): string
}

const longestHeld = 8192
const longestSequence = 256

/** What a build's tools print, made safe to keep: no secrets, no escape sequences, no control characters but newline and tab. */
export function makeMask(): Mask {
  /** the beginning of an escape sequence whose end has not come */
  let begun = ''
  let held = ''
  const forms: SecretForms[] = []
  let finder = finderOf(forms)
  const known = new Set<string>()
  const take = (text: string) => {
    held = finder.without(held + plain(text))
  }
  return {
    add(secret, username = '') {
      const key = JSON.stringify([secret, username])
      if (known.has(key)) return
      known.add(key)
      forms.push(secretForms(plain(secret), username))
      finder = finderOf(forms)
    },
    feed(piece) {
      const text = begun + piece
      const open = /(?:\x1b(?:\[[0-9;?]*[ -/]*|\][^\x07\x1b]*\x1b?)?|\r)$/.exec(text.slice(-longestSequence))
      begun = open?.[0] ?? ''
      take(text.slice(0, text.length - begun.length))
      const newline = held.lastIndexOf('\n') + 1
      // A line is shown whole; of an endless one only what no secret can reach into any more.
      const endless = held.length - newline > longestHeld
      const cut = endless ? beforePair(held, held.length - finder.reach - 16) : newline
      const shown = held.slice(0, Math.max(cut, 0))
      held = held.slice(shown.length)
      return shown
    },
    whole: (text) => finder.without(plain(text)),
    end() {
      take(begun)
      const shown = held
      begun = ''
      held = ''
      return shown
    },
  }
}

/** `at`, or one less where that is in the middle of a character. */
export const beforePair = (text: string, at: number): number =>
  /[\ud800-\udbff]/.test(text.charAt(at - 1)) ? at - 1 : at

/** Without terminal control: CSI and OSC sequences go, a carriage return becomes a newline, other control characters vanish. */
const plain = (text: string): string =>
  text
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b./g, '')
    .replace(/\r\n?/g, '\n')
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
