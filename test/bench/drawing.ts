// Words and shapes arrive; an SVG leaves that shows in light and dark pages alike.

export function page(width: number, height: number, shapes: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<style>text { fill: #222 } .page { fill: #fff } @media (prefers-color-scheme: dark) { text { fill: #ddd } .page { fill: #161616 } }</style>
<rect class="page" width="100%" height="100%"/>
${shapes.join('\n')}
</svg>
`;
}

export function drawnText(
  words: string,
  place: { x: number; y: number; isBold?: boolean },
): string {
  const weight = place.isBold === true ? ' font-weight="bold"' : '';
  return `<text x="${place.x.toFixed(1)}" y="${place.y.toFixed(1)}"${weight}>${words}</text>`;
}
