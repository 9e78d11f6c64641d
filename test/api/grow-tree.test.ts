import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Edge, growTree } from '../../src/api/grow-tree.ts'
import type { LineageNode } from '../../src/api/schemas/lineage.ts'

const edge = (parent: string, ref: string, more: Partial<Edge> = {}): Edge => ({
  ...{
    parent,
    ref,
    digest: `digest of ${ref}`,
    status: 'current',
    role: 'runtime',
    confidence: 'declared',
    platforms: ['p'],
  },
  ...more,
})
const grow = (edges: Edge[], more: { left?: Map<string, number>; depth?: number } = {}) =>
  growTree(
    { ref: 'root', aliases: [], digest: 'digest of root', status: 'current', platforms: ['p'] },
    {
      edges: Map.groupBy(edges, (e) => e.parent),
      left: more.left ?? new Map(),
      depth: more.depth ?? Number.POSITIVE_INFINITY,
    },
  )
/** "a=alias(children)", "*" again, "@" cycle, "+n" left out */
const outline = (node: LineageNode): string => {
  const marks = `${node.aliases.map((alias) => `=${alias}`).join('')}${node.again ? '*' : ''}${node.cycle ? '@' : ''}${node.more > 0 ? `+${node.more}` : ''}`
  return `${node.ref}${marks}${node.children.length > 0 ? `(${node.children.map(outline).join(' ')})` : ''}`
}
const same = { digest: 'same' }

test.each<[string, Edge[], Parameters<typeof grow>[1], string]>([
  ['a chain', [edge('root', 'a'), edge('a', 'b')], {}, 'root(a(b))'],
  [
    'a shared one is opened once',
    [edge('root', 'a'), edge('root', 'b'), edge('a', 'c'), edge('b', 'c'), edge('c', 'd')],
    {},
    'root(a(c(d)) b(c*))',
  ],
  ['a cycle is no back-reference', [edge('root', 'a'), edge('a', 'b'), edge('b', 'a')], {}, 'root(a(b(a@)))'],
  ['a cycle through the root', [edge('root', 'a'), edge('a', 'root')], {}, 'root(a(root@))'],
  ['itself', [edge('root', 'root')], {}, 'root(root@)'],
  [
    'a cycle and a back-reference to it',
    [edge('root', 'a'), edge('root', 'b'), edge('a', 'b'), edge('b', 'a')],
    {},
    'root(a(b(a@)) b*)',
  ],
  [
    'siblings at one digest',
    [edge('root', 'a', same), edge('root', 'b', same), edge('a', 'x'), edge('b', 'x'), edge('b', 'y')],
    {},
    'root(a=b(x y))',
  ],
  [
    'the declared name names them',
    [edge('root', 'a', { ...same, confidence: 'ambiguous' }), edge('root', 'b', same)],
    {},
    'root(b=a)',
  ],
  [
    'not under different parents',
    [edge('root', 'a'), edge('root', 'b'), edge('a', 'x', same), edge('b', 'y', same)],
    {},
    'root(a(x) b(y))',
  ],
  [
    'nor where nothing is known',
    [edge('root', 'a', { digest: null }), edge('root', 'b', { digest: null })],
    {},
    'root(a b)',
  ],
  [
    'an alias later on, alone',
    [edge('root', 'a', same), edge('root', 'b', same), edge('root', 'c'), edge('c', 'b', same)],
    {},
    'root(a=b c(b*))',
  ],
  [
    'an alias above itself is a cycle',
    [edge('root', 'a', same), edge('root', 'b', same), edge('a', 'c'), edge('c', 'b', same)],
    {},
    'root(a=b(c(b@)))',
  ],
  [
    'no deeper than asked for',
    [edge('root', 'a'), edge('a', 'b'), edge('a', 'c'), edge('b', 'd')],
    { depth: 1 },
    'root(a+2)',
  ],
  [
    'what comes up less deep is opened there',
    [edge('root', 'a'), edge('root', 'b'), edge('a', 'b'), edge('b', 'c')],
    { depth: 2 },
    'root(a(b+1) b(c))',
  ],
  [
    'what was not read is counted',
    [edge('root', 'a')],
    {
      left: new Map([
        ['root', 7],
        ['a', 3],
      ]),
    },
    'root+7(a+3)',
  ],
])('%s', (_, edges, more, wanted) => expect(outline(grow(edges, more))).toBe(wanted))

test('the relation of aliases is that of all together', () => {
  const tree = grow([
    edge('root', 'a', { ...same, role: 'build', platforms: ['q'] }),
    edge('root', 'b', { ...same, platforms: ['p'] }),
  ])
  expect(tree.children).toMatchObject([{ ref: 'a', aliases: ['b'], role: 'runtime', platforms: ['p', 'q'] }])
})

test('whatever the graph: it ends, every edge is drawn once, nothing is opened twice, and a cycle is one', () => {
  const graphs = fc.uniqueArray(fc.tuple(fc.nat(6), fc.nat(6)), { selector: String, maxLength: 25 })
  fc.assert(
    fc.property(graphs, (pairs) => {
      const name = (n: number) => (n === 0 ? 'root' : `t${n}`)
      const edges = pairs.map(([from, to]) => edge(name(from), name(to)))
      const drawn: string[] = []
      const opened: string[] = []
      const visit = (node: LineageNode, above: string[]) => {
        expect(node.cycle).toBe(above.includes(node.ref))
        if (node.again) expect(opened).toContain(node.ref)
        if (node.again || node.cycle) return void expect(node.children).toEqual([])
        expect(opened).not.toContain(node.ref)
        opened.push(node.ref)
        for (const child of node.children) {
          drawn.push(`${node.ref} ${child.ref}`)
          visit(child, [...above, node.ref])
        }
      }
      visit(grow(edges), [])
      const reached = edges.filter((e) => opened.includes(e.parent))
      expect(drawn.sort()).toEqual(reached.map((e) => `${e.parent} ${e.ref}`).sort())
    }),
  )
})
