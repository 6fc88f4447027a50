// What a hub has printed arrives; a number that monitoring would read there leaves.

/** The sum over all samples that carry these labels. */
export async function metricOf(
  lines: readonly string[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const line = lines.findLast((each) => each.includes('metrics are served')) ?? '{}';
  const { metrics } = JSON.parse(line) as { metrics: { port: number } };
  const text = await (await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).text();
  const values = [...text.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, 'gm'))];
  const isMeant = (held = '') =>
    Object.entries(labels).every(([label, value]) => held.includes(`${label}="${value}"`));
  return values
    .filter(([, held]) => isMeant(held))
    .reduce((sum, [, , value]) => sum + Number(value), 0);
}
