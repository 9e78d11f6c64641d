/** Hides secrets in text that comes in pieces: a secret that is cut in two by the pieces is hidden as well. */
export type Mask = {
  /** from now on hides this secret, and the forms in which tools write it (base64 of user:secret, percent-encoded) */
  add(secret: string, username?: string): void
  /** takes a piece and gives what can safely be shown by now */
  feed(piece: string): string
  /** gives what was held back */
  end(): string
}

const shortest = 3
const longestHeld = 8192

/** What a build's tools print, made safe to keep: no secrets, no escape sequences, no control characters but newline and tab. */
export function makeMask(): Mask {
  let held = ''
  let secrets: string[] = []
  return {
    add(secret, username = '') {
      const forms = [secret, encodeURIComponent(secret), base64(secret), base64(`${username}:${secret}`)]
      const lines = secret.includes('\n') ? secret.split('\n').filter((line) => line.length >= 16) : []
      const all = new Set([...secrets, ...forms, ...lines].filter((text) => text.length >= shortest))
      secrets = [...all].sort((a, b) => b.length - a.length)
    },
    feed(piece) {
      held = hide(held + piece, secrets)
      const newline = held.lastIndexOf('\n') + 1
      // A line is shown whole; of an endless one only what no secret can reach into any more.
      const cut = held.length - newline > longestHeld ? held.length - (secrets[0]?.length ?? 1) - 16 : newline
      const shown = held.slice(0, Math.max(cut, 0))
      held = held.slice(shown.length)
      return plain(shown)
    },
    end() {
      const shown = hide(held, secrets)
      held = ''
      return plain(shown)
    },
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const hide = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((out, secret) => out.replaceAll(secret, '***'), text)

/** Without terminal control: CSI and OSC sequences go, a carriage return becomes a newline, other control characters vanish. */
const plain = (text: string): string =>
  text
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b./g, '')
    .replace(/\r\n?/g, '\n')
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
