import { expect, test } from '@jest/globals'
import { dotOf } from '../../src/cli/tree-dot.ts'
import type { NodeView } from '../../src/cli/views.ts'

const node = (ref: string, children: NodeView[] = [], more: Partial<NodeView> = {}): NodeView => ({
  ...{ ref, aliases: [], digest: 'sha256:0123456789abcdef', status: 'current', platforms: ['p'], role: 'runtime' },
  ...{ confidence: 'declared', again: false, cycle: false, more: 0, children, ...more },
})
const drawn = (root: NodeView, direction: 'up' | 'down' = 'up') => dotOf({ direction, truncated: false, root })

type Graph = { nodes: Map<string, Map<string, string>>; edges: [string, string, Map<string, string>][] }

/**
 * Reads what is written of the language, as its grammar says (https://graphviz.org/doc/info/lang.html), and throws at anything else:
 * digraph NAME { (ATTRIBUTE | node DEFAULTS | ID LIST | ID -> ID LIST?) ; … }
 */
function parse(text: string): Graph {
  const token = /\s*(->|[{}[\]=,;]|[A-Za-z_][A-Za-z_0-9]*|"(?:[^"\\]|\\.)*")/y
  const tokens: string[] = []
  for (let match = token.exec(text); match; match = token.exec(text)) tokens.push(match[1]!)
  expect(text.slice(tokens.length > 0 ? text.lastIndexOf('}') + 1 : 0).trim()).toBe('')
  const take = (wanted?: string): string => {
    const next = tokens.shift()
    if (next === undefined || (wanted !== undefined && next !== wanted)) throw new Error(`${next}, not ${wanted}`)
    return next
  }
  const id = (): string => {
    const next = take()
    if (next.startsWith('"')) return next.slice(1, -1).replace(/\\(["\\])/g, '$1')
    if (/^\w+$/.test(next)) return next
    throw new Error(`${next} is no id`)
  }
  const peek = (): string | undefined => tokens[0]
  const attributes = (): Map<string, string> => {
    const found = new Map<string, string>()
    if (peek() !== '[') return found
    for (take('['); peek() !== ']'; peek() === ',' && take(',')) {
      const name = id()
      take('=')
      found.set(name, id())
    }
    take(']')
    return found
  }
  const graph: Graph = { nodes: new Map(), edges: [] }
  take('digraph')
  id()
  for (take('{'); peek() !== '}'; take(';')) {
    const first = id()
    if (peek() === '=') {
      take('=')
      id()
    } else if (peek() === '->') {
      take('->')
      const to = id()
      graph.edges.push([first, to, attributes()])
    } else graph.nodes.set(first, attributes())
  }
  take('}')
  expect(tokens).toEqual([])
  graph.nodes.delete('node')
  return graph
}

const edgesOf = (graph: Graph) => graph.edges.map(([from, to]) => `${from} > ${to}`)

test('each tag once, arrows from an image to its base, whichever way it was asked', () => {
  const shared = node('base')
  const up = parse(
    drawn(node('app', [node('one', [shared]), node('two', [{ ...shared, again: true }], { role: 'build' })])),
  )
  expect([...up.nodes.keys()]).toEqual(['app', 'one', 'base', 'two'])
  expect(edgesOf(up)).toEqual(['app > one', 'one > base', 'app > two', 'two > base'])
  expect(up.edges.map(([, , attributes]) => attributes.get('style'))).toEqual(['solid', 'solid', 'dashed', 'solid'])
  expect(edgesOf(parse(drawn(node('base', [node('app')]), 'down')))).toEqual(['app > base'])
})

test('a cycle closes, aliases are one node under whichever name, what is left out is said', () => {
  const graph = parse(
    drawn(
      node('a', [
        node('b', [node('a', [], { cycle: true })], { aliases: ['b2'] }),
        node('c', [node('b2', [], { again: true })], { more: 7 }),
      ]),
    ),
  )
  expect(edgesOf(graph)).toEqual(['a > b', 'b > a', 'a > c', 'c > b', 'c > c and 7 more'])
  expect(graph.nodes.get('b')!.get('label')).toBe('b\\n= b2\\ncurrent, 0123456789ab')
  expect(graph.nodes.get('c and 7 more')!.get('label')).toBe('… 7 more')
})

test.each(['with "quotes"', 'back\\slash', 'ends with \\', '\\" both', 'ünï/cödé:1', '-> [x] {y};', 'digraph'])(
  'a name is data: %s',
  (name) => {
    const graph = parse(drawn(node(name, [node('base', [], { digest: null, status: null })])))
    expect([...graph.nodes.keys()]).toEqual([name, 'base'])
    expect(edgesOf(graph)).toEqual([`${name} > base`])
    expect(graph.nodes.get('base')!.get('label')).toBe('base\\nnot known here')
  },
)
