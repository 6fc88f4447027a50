// The folders css/ and islands/ and two packages arrive; the texts that browsers get leave, by the names that pages use.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface AssetSource {
  /** Content-Type. */
  readonly type: string;
  readonly text: string;
  /** An island: its imports name other assets. What came from a package is complete in itself. */
  readonly isIsland?: boolean;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const packages = createRequire(import.meta.url);

const script = 'text/javascript; charset=utf-8';
/** What islands may import by a bare name, and the asset that stands for it. */
const vendors: Readonly<Record<string, string>> = {
  '@simplewebauthn/browser': 'webauthn.js',
  uplot: 'uplot.js',
};
/** An import or export from somewhere: what stands before the name, the quote, the name. */
const importPattern = /(\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\2/g;

export function readSources(): Map<string, AssetSource> {
  const sources = new Map<string, AssetSource>();
  sources.set('dashboard.css', { type: 'text/css; charset=utf-8', text: stylesheet() });
  sources.set('icon.svg', {
    type: 'image/svg+xml',
    text: readFileSync(join(here, 'css', 'icon.svg'), 'utf8'),
  });
  for (const [name, text] of islands()) sources.set(name, { type: script, text, isIsland: true });
  sources.set('webauthn.js', { type: script, text: webauthn() });
  sources.set('uplot.js', {
    type: script,
    text: readFileSync(besideMain('uplot', 'uPlot.esm.js'), 'utf8'),
  });
  return sources;
}

/** Names of the assets that an island imports. */
export function dependenciesOf({ isIsland, text }: AssetSource): string[] {
  if (isIsland !== true) return [];
  return [...text.matchAll(importPattern)].map(([, , , specifier = '']) => assetOf(specifier));
}

/** The text with every import under the name that `nameOf` gives its asset. */
export function rewrite(source: AssetSource, nameOf: (asset: string) => string): string {
  if (source.isIsland !== true) return source.text;
  return source.text.replace(
    importPattern,
    (_, before: string, quote: string, specifier: string) =>
      `${before}${quote}${nameOf(assetOf(specifier))}${quote}`,
  );
}

/** `./call.ts` in a checkout, `./call.js` once built: both are the asset `call.js`. */
function assetOf(specifier: string): string {
  return vendors[specifier] ?? specifier.replace(/^\.\//, '').replace(/\.ts$/, '.js');
}

/** In the order of their names, which begin with a number: later rules win. The charts' own rules come first. */
function stylesheet(): string {
  const folder = join(here, 'css');
  const own = readdirSync(folder).filter((name) => name.endsWith('.css'));
  return [
    readFileSync(besideMain('uplot', 'uPlot.min.css'), 'utf8'),
    ...own.sort().map((name) => readFileSync(join(folder, name), 'utf8')),
  ].join('\n');
}

/** A checkout holds TypeScript, a built folder what tsc made of it. */
function islands(): [name: string, text: string][] {
  const folder = join(here, 'islands');
  return readdirSync(folder)
    .filter((name) => /(?<!\.d)\.(ts|js)$/.test(name))
    .map((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      return name.endsWith('.ts') ? [name.replace(/ts$/, 'js'), strip(text)] : [name, text];
    });
}

/** Node calls this experimental, once, on stderr: told to operators it would only worry them. */
function strip(text: string): string {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The package's bundle is no module; as one it is a single request instead of twenty. */
function webauthn(): string {
  const bundle = besideMain('@simplewebauthn/browser', '../dist/bundle/index.umd.min.js');
  const names = ['startAuthentication', 'startRegistration', 'browserSupportsWebAuthn'];
  names.push('browserSupportsWebAuthnAutofill', 'WebAuthnAbortService', 'WebAuthnError');
  return `/* @simplewebauthn/browser */
const exports = {};
const module = { exports };
${readFileSync(bundle, 'utf8')}
const { ${names.join(', ')} } = exports;
export { ${names.join(', ')} };
`;
}

function besideMain(name: string, file: string): string {
  return join(packages.resolve(name), '..', file);
}
