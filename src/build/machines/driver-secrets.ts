const secretName = /key|token|secret|passw|credential|private|signature|(^|[_-])auth([_-]|$)/i
const harmless = /^(true|false|yes|no|none|default|auto|\d{1,5})$/i

/**
 * What must not be shown of a machine's settings: the values of driver flags (`--x-token V`, `--x-token=V`) and variables whose names
 * speak of a secret. Rather too many than too few: a region's name may be among them.
 */
export function driverSecrets(options: readonly string[], env: Readonly<Record<string, string>>): string[] {
  const ofFlags = options.flatMap((word, i) => {
    const [, flag, value] = /^(--?[^=]+)(?:=(.*))?$/s.exec(word) ?? []
    if (flag === undefined || !secretName.test(flag)) return []
    return [value ?? options[i + 1] ?? '']
  })
  const ofEnv = Object.entries(env).flatMap(([name, value]) => (secretName.test(name) ? [value] : []))
  return [...new Set([...ofFlags, ...ofEnv])].filter((text) => text.length >= 4 && !harmless.test(text))
}
