// An XML answer of Route 53 arrives; the text of its elements leaves. Only what that API writes: no attributes, no CDATA, no entities of its own.

/** The text of the first element of this name. */
export function element(xml: string, name: string): string | undefined {
  return elements(xml, name)[0];
}

/** What each element of this name holds: text, or elements to look into. An element that is not closed is none. */
export function elements(xml: string, name: string): string[] {
  const open = `<${name}>`;
  const close = `</${name}>`;
  const found: string[] = [];
  for (let at = xml.indexOf(open); at >= 0; at = xml.indexOf(open, at)) {
    const end = xml.indexOf(close, at);
    if (end < 0) break;
    found.push(unescapeXml(xml.slice(at + open.length, end)));
    at = end;
  }
  return found;
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Left alone where elements are inside: they are looked into before they are unescaped. */
function unescapeXml(text: string): string {
  if (text.includes('<')) return text;
  const named: Record<string, string> = { amp: '&', apos: "'", gt: '>', lt: '<', quot: '"' };
  return text.replaceAll(
    /&(?:(amp|apos|gt|lt|quot)|#(\d{1,6})|#x([0-9a-f]{1,5}));/gi,
    (whole, name: string | undefined, decimal: string | undefined, hex: string | undefined) => {
      if (name !== undefined) return named[name.toLowerCase()] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
      return code <= 0x10_ffff ? String.fromCodePoint(code) : whole;
    },
  );
}
