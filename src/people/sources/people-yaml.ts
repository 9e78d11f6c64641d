import { isScalar, parseDocument, visit } from 'yaml'
import { quoted } from './snapshot-of.ts'
import { SourceError } from './source.ts'

/** What the YAML of a file says. Throws `nonsense` where it is none, is empty, or a key stands twice in it. */
export function peopleYaml(text: string, path: string): unknown {
  // the library compares each key with all others of its map, which takes minutes for a large file
  const document = parseDocument(text, { uniqueKeys: false })
  const fault = document.errors[0]?.message.split('\n')[0] ?? twice(document)
  if (fault != null) throw new SourceError('nonsense', `${path} is no YAML: ${fault}`)
  const yaml = unfolded(document, path)
  // what is half written, or was emptied by mistake, is not taken to say that there is nobody
  if (yaml == null) throw new SourceError('nonsense', `${path} is empty; to say nobody, write "users: {}"`)
  return yaml
}

/** A key that stands twice in one map: which of both is meant, nobody knows. */
function twice(document: ReturnType<typeof parseDocument>): string | null {
  let found: string | null = null
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        const name = isScalar(key) ? key.value : key
        if (seen.has(name)) found = `${quoted(String(name))} stands twice in one place`
        seen.add(name)
      }
      return found === null ? undefined : visit.BREAK
    },
  })
  return found
}

/** With its aliases in place; those that grow without measure are refused. */
function unfolded(document: ReturnType<typeof parseDocument>, path: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    if (error instanceof Error) throw new SourceError('nonsense', `${path} is no YAML: ${error.message}`, error)
    throw error
  }
}
