import { brotliDecompressSync, gunzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import type { AssetSource } from './asset-sources.ts';
import { Assets } from './assets.ts';

const assets = Assets.load();
const app = assets.routes();

const island = (text: string): AssetSource => ({
  type: 'text/javascript; charset=utf-8',
  text,
  isIsland: true,
});

function urlWith(inner: string): string {
  const sources = new Map([
    ['outer.js', island("import { x } from './inner.ts';\nx();")],
    ['inner.js', island(inner)],
  ]);
  return new Assets(sources).url('outer.js');
}

describe('assets', () => {
  test('have their hash in their name, may be kept for good, and have their type', async () => {
    for (const [name, type] of [
      ['dashboard.css', 'text/css; charset=utf-8'],
      ['page.js', 'text/javascript; charset=utf-8'],
      ['icon.svg', 'image/svg+xml'],
      ['uplot.js', 'text/javascript; charset=utf-8'],
    ] as const) {
      const url = assets.url(name);
      expect(url).toMatch(/^\/assets\/[a-z-]+\.[0-9a-f]{12}\.(css|js|svg)$/);
      const response = await app.request(url);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe(type);
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    }
  });

  test('come compressed to whoever can read that, and are the same then', async () => {
    const url = assets.url('dashboard.css');
    const plain = Buffer.from(await (await app.request(url)).arrayBuffer());
    for (const [accepted, encoding, decode] of [
      ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
    ] as const) {
      const response = await app.request(url, { headers: { 'accept-encoding': accepted } });
      expect(response.headers.get('content-encoding')).toBe(encoding);
      expect(response.headers.get('vary')).toBe('accept-encoding');
      expect(decode(Buffer.from(await response.arrayBuffer())).equals(plain)).toBe(true);
    }
  });

  test('import each other by names that are there, and hold no TypeScript', async () => {
    const names = assets.preloads('page.js').concat(assets.url('page.js'));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const text = await (await app.request(name)).text();
      for (const [, specifier = ''] of text.matchAll(/\bfrom '([^']+)'/g)) {
        expect(specifier).toMatch(/^\.\/[a-z-]+\.[0-9a-f]{12}\.js$/);
        expect((await app.request(`/assets/${specifier.slice(2)}`)).status).toBe(200);
      }
      expect(text).not.toMatch(/\binterface \w+ \{|: string\b/);
    }
  });

  test('get another name when something they import changes', () => {
    expect(urlWith('export const x = () => 1;')).toBe(urlWith('export const x = () => 1;'));
    expect(urlWith('export const x = () => 1;')).not.toBe(urlWith('export const x = () => 2;'));
  });

  test('that import what is not there, or each other in a circle, stop the start', () => {
    expect(() => new Assets(new Map([['a.js', island("import './b.ts';")]]))).toThrow(/no asset/);
    const circle = new Map([
      ['a.js', island("import './b.ts';")],
      ['b.js', island("import './a.ts';")],
    ]);
    expect(() => new Assets(circle)).toThrow(/cycle/);
  });

  test('of other names are not found', async () => {
    for (const name of ['nothing.js', '..%2fpages.ts', 'page.js', '.env'])
      expect((await app.request(`/assets/${name}`)).status).toBe(404);
    expect(() => assets.url('nothing.js')).toThrow(/no asset/);
  });
});
