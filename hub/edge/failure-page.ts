// A failure becomes one small page: no script, no outside file, readable on a phone and on a TV, in light and dark.

/** What the page shows. Everything is escaped here; nothing needs to be safe before. */
export interface FailurePage {
  readonly hostname: string;
  readonly requestId: string;
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly sentence: string;
  readonly ownerHint: string | undefined;
}

/** The page's only style sheet; its hash stands in the Content-Security-Policy. */
export const pageStyle = `
:root{color-scheme:light dark;--ground:#f6f5f2;--card:#fff;--text:#1c1b22;--soft:#5f5d6b;--line:#dedbe4;--good:#1f8a5b;--bad:#c62f4b;--hint:#f1eff8}
@media (prefers-color-scheme:dark){:root{--ground:#121118;--card:#1b1a23;--text:#f1eff8;--soft:#a9a6b8;--line:#343242;--good:#4cc38a;--bad:#ff6b81;--hint:#252331}}
*,::before,::after{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--ground);color:var(--text);font:1rem/1.55 system-ui,sans-serif}
main{width:100%;max-width:36rem;padding:clamp(1.5rem,5vw,2.75rem);background:var(--card);border:1px solid var(--line);border-radius:1rem}
h1{margin:0 0 .75rem;font-size:clamp(1.5rem,5vw,2rem);line-height:1.2;letter-spacing:-.01em;text-wrap:balance}
p{margin:0 0 1rem}
.host{margin:0 0 .35rem;color:var(--soft);overflow-wrap:anywhere}
.way{display:flex;list-style:none;margin:0 0 2rem;padding:0;font-size:.8125rem;color:var(--soft)}
.way li{flex:1;position:relative;padding-top:1.5rem;text-align:center}
.way li::before{content:"";position:absolute;top:.25rem;left:50%;width:.875rem;height:.875rem;margin-left:-.4375rem;border:2px solid var(--line);border-radius:50%;background:var(--card);z-index:1}
.way li+li::after{content:"";position:absolute;top:.625rem;right:50%;width:100%;height:2px;background:var(--line)}
.way .good::before{background:var(--good);border-color:var(--good)}
.way .good+.good::after{background:var(--good)}
.way .bad{color:var(--bad);font-weight:600}
.way .bad::before{background:var(--bad);border-color:var(--bad);box-shadow:0 0 0 .25rem color-mix(in srgb,var(--bad) 22%,transparent)}
.hint{padding:.875rem 1rem;border-radius:.6rem;background:var(--hint)}
.hint strong{display:block}
code{font:.9375em ui-monospace,monospace;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1.75rem 0 0;padding-top:1.25rem;border-top:1px solid var(--line);font-size:.875rem;color:var(--soft)}
dd{margin:0}
.said{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
`;

export function failurePage(page: FailurePage): string {
  const title = escape(page.title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
${way(page.code)}
<p class="host">${escape(page.hostname)}</p>
<h1>${title}</h1>
<p>${prose(page.sentence)}</p>
${page.ownerHint === undefined ? '' : `<p class="hint"><strong>Is this your server?</strong> ${prose(page.ownerHint)}</p>`}
<dl>
<dt>Error</dt><dd><code>${escape(page.code)}</code> (${page.status})</dd>
<dt>Request</dt><dd><code>${escape(page.requestId)}</code></dd>
</dl>
</main>
</body>
</html>
`;
}

const stations = ['You', 'Hub', 'Tunnel', 'Server'] as const;

/** The way of the request, marked where it stopped: the area of the code is the name of that place. */
function way(code: string): string {
  const area = code.slice(0, code.indexOf('.'));
  // A limit is the hub's own word, as what it finds wrong with a request.
  const broken = ['edge', 'tunnel', 'origin'].indexOf(area === 'quota' ? 'edge' : area) + 1;
  const items = stations.map((station, i) => {
    if (i < broken) return `<li class="good">${station}<span class="said"> works</span></li>`;
    if (i > broken) return `<li>${station}</li>`;
    return `<li class="bad">${station}<span class="said">: stopped here</span></li>`;
  });
  return `<ol class="way">${items.join('')}</ol>`;
}

/** Escaped text, with what stands in backticks set as code. */
function prose(text: string): string {
  return escape(text).replaceAll(/`([^`]*)`/g, '<code>$1</code>');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand in a page and in an attribute of one. */
export function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}
