// Names of assets are asked for; their hashed addresses leave, and answers to the browsers that come for them, compressed and kept for good.

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

import { Hono } from 'hono';

import { dependenciesOf, readSources, rewrite, type AssetSource } from './asset-sources.ts';

/** The hash is in the name, so another content has another address: nobody needs to ask again. */
const forGood = 'public, max-age=31536000, immutable';
/** 48 bit: two versions of one file never meet. */
const hashDigits = 12;

interface Asset {
  readonly type: string;
  readonly body: Buffer;
  /** Made when first asked for, once. */
  readonly encoded: Map<Encoding, Promise<Buffer<ArrayBuffer>>>;
}

type Encoding = 'br' | 'gzip';

export class Assets {
  /** By file name with its hash. */
  readonly #assets = new Map<string, Asset>();
  /** From the plain name to the one with the hash. */
  readonly #names = new Map<string, string>();
  readonly #dependencies = new Map<string, readonly string[]>();

  /** Everything below hub/dashboard that browsers fetch, read once. */
  static load(): Assets {
    return new Assets(readSources());
  }

  constructor(sources: ReadonlyMap<string, AssetSource>) {
    for (const name of sources.keys()) this.#add(name, sources, []);
  }

  /** `/assets/sign-in.0123456789ab.js` for `sign-in.js`. @throws Error for a name that is none: a mistake in a page. */
  url(name: string): string {
    const hashed = this.#names.get(name);
    if (hashed === undefined) throw new Error(`there is no asset ${name}`);
    return `/assets/${hashed}`;
  }

  /** The addresses of all that a script imports, at any depth: to be fetched at once instead of one after another. */
  preloads(name: string): string[] {
    const found = new Set<string>();
    const walk = (each: string): void => {
      for (const dependency of this.#dependencies.get(each) ?? []) {
        if (found.has(dependency)) continue;
        found.add(dependency);
        walk(dependency);
      }
    };
    walk(name);
    return [...found].map((each) => this.url(each));
  }

  /** Answers below /assets. */
  routes(): Hono {
    const app = new Hono();
    app.get('/assets/:file', async (context) => {
      const asset = this.#assets.get(context.req.param('file'));
      if (asset === undefined) return context.notFound();
      context.header('content-type', asset.type);
      context.header('cache-control', forGood);
      context.header('vary', 'accept-encoding');
      const encoding = preferredEncoding(context.req.header('accept-encoding'));
      if (encoding === undefined) return context.body(new Uint8Array(asset.body));
      context.header('content-encoding', encoding);
      return context.body(await encodedBody(asset, encoding));
    });
    return app;
  }

  /** A script's hash is over its dependencies' hashes too, since it names them: those come first. */
  #add(name: string, sources: ReadonlyMap<string, AssetSource>, way: readonly string[]): void {
    if (this.#names.has(name)) return;
    const source = sources.get(name);
    if (source === undefined) throw new Error(`${way.at(-1)} imports ${name}, which is no asset`);
    if (way.includes(name)) throw new Error(`${[...way, name].join(' -> ')} is a cycle`);
    const dependencies = dependenciesOf(source);
    for (const each of dependencies) this.#add(each, sources, [...way, name]);
    const text = rewrite(source, (each) => `./${this.#names.get(each) ?? each}`);
    const hash = createHash('sha256').update(text).digest('hex').slice(0, hashDigits);
    const dot = name.lastIndexOf('.');
    const hashed = `${name.slice(0, dot)}.${hash}${name.slice(dot)}`;
    this.#names.set(name, hashed);
    this.#dependencies.set(name, dependencies);
    this.#assets.set(hashed, { type: source.type, body: Buffer.from(text), encoded: new Map() });
  }
}

/** Whoever refuses one with `q=0` is a program, and gets the plain bytes. */
function preferredEncoding(accepted = ''): Encoding | undefined {
  const names = accepted.split(',').map((each) => each.trim().toLowerCase());
  return (['br', 'gzip'] as const).find((each) => names.includes(each));
}

async function encodedBody(asset: Asset, encoding: Encoding): Promise<Buffer<ArrayBuffer>> {
  const ready = asset.encoded.get(encoding);
  if (ready !== undefined) return ready;
  const made = encoding === 'br' ? brotli(asset.body, brotliOptions) : zip(asset.body);
  asset.encoded.set(encoding, made);
  return made;
}

const brotli = promisify(brotliCompress) as (
  body: Buffer,
  options: object,
) => Promise<Buffer<ArrayBuffer>>;
const zip = promisify(gzip) as (body: Buffer) => Promise<Buffer<ArrayBuffer>>;
/** 9 of 11: a tenth of the time for 3 % more bytes, at the first visit after a start. */
const brotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
