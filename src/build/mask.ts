/** Hides secrets in text that comes in pieces: a secret that is cut in two by the pieces is hidden as well. */
export type Mask = {
  /** from now on hides this secret, and the forms in which tools write it (base64 of user:secret, percent-encoded) */
  add(secret: string, username?: string): void
  /** takes a piece and gives what can safely be shown by now */
  feed(piece: string): string
  /** a text that is whole, without the secrets known by now; what was fed is not touched */
  whole(text: string): string
  /** gives what was held back */
  end(): string
}

const shortest = 3
/** of a secret of several lines only these are hidden where they stand alone: others are `{` and `true` */
const shortestLine = 8
const longestHeld = 8192
const longestSequence = 256

/** What a build's tools print, made safe to keep: no secrets, no escape sequences, no control characters but newline and tab. */
export function makeMask(): Mask {
  /** the beginning of an escape sequence whose end has not come */
  let begun = ''
  let held = ''
  let secrets: string[] = []
  const take = (text: string) => {
    held = hide(held + plain(text), secrets)
  }
  return {
    add(secret, username = '') {
      const whole = plain(secret)
      const lines = whole.split('\n').map((line) => line.trim())
      const said = [whole, whole.trim()].flatMap((text) => [
        ...[text, encodeURIComponent(text.toWellFormed())],
        ...[base64(text), base64(`${username}:${text}`)],
      ])
      const all = new Set([...secrets, ...said.filter((text) => text.length >= shortest)])
      if (lines.length > 1) for (const line of lines) if (line.length >= shortestLine) all.add(line)
      secrets = [...all].sort((a, b) => b.length - a.length)
    },
    feed(piece) {
      const text = begun + piece
      const open = /(?:\x1b(?:\[[0-9;?]*[ -/]*|\][^\x07\x1b]*\x1b?)?|\r)$/.exec(text.slice(-longestSequence))
      begun = open?.[0] ?? ''
      take(text.slice(0, text.length - begun.length))
      const newline = held.lastIndexOf('\n') + 1
      // A line is shown whole; of an endless one only what no secret can reach into any more.
      const endless = held.length - newline > longestHeld
      const cut = endless ? beforePair(held, held.length - (secrets[0]?.length ?? 1) - 16) : newline
      const shown = held.slice(0, Math.max(cut, 0))
      held = held.slice(shown.length)
      return shown
    },
    whole: (text) => hide(plain(text), secrets),
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

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const hide = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((out, secret) => out.replaceAll(secret, '***'), text)

/** Without terminal control: CSI and OSC sequences go, a carriage return becomes a newline, other control characters vanish. */
const plain = (text: string): string =>
  text
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b./g, '')
    .replace(/\r\n?/g, '\n')
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
