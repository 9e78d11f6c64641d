/**
 * What a Portus 2.4.3 does with its scanner (lib/portus/security_backends/clair.rb of https://github.com/SUSE/Portus): it posts each layer of
 * an image, bottom to top, and asks for the top one. Answers what it would show.
 */
export async function portusVisit(
  server: string,
  { repository, layers }: { repository: string; layers: readonly string[] },
): Promise<{ Name: string; Link: string; Severity: string; Description: string }[]> {
  for (const [i, digest] of layers.entries()) {
    const Layer = {
      ...{ Name: digest, NamespaceName: '', Path: `https://registry.test:5000/v2/${repository}/blobs/${digest}` },
      ...{ Headers: { Authorization: 'Bearer of-the-registry' }, ParentName: layers[i - 1] ?? '', Format: 'Docker' },
      ...{ IndexedByVersion: 0, Features: [] },
    }
    const answer = await fetch(`${server}/v1/layers`, { method: 'POST', body: JSON.stringify({ Layer }) })
    await answer.json()
  }
  const answer = await fetch(`${server}/v1/layers/${layers.at(-1)}?features=false&vulnerabilities=true`)
  const { Layer } = (await answer.json()) as {
    Layer?: {
      Features: { Vulnerabilities?: { Name: string; Link: string; Severity: string; Description: string }[] }[]
    }
  }
  const found = (Layer?.Features ?? []).flatMap((feature) => feature.Vulnerabilities ?? [])
  return [...new Map(found.map((one) => [one.Name, one])).values()]
}
