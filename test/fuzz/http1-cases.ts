// Random numbers arrive; the bytes of a visitor's HTTP/1.x connection leave, most of them wrong in a few places, cut into pieces anywhere.

import { Buffer } from 'node:buffer';

import type { Random } from '../support/random.ts';
import { host } from './fed-edge.ts';
import {
  bodies,
  chunkEnds,
  codings,
  extensions,
  fields,
  fragments,
  lastChunks,
  lengths,
  oddHosts,
  oddMethods,
  oddTargets,
  oddVersions,
  sizes,
  smuggled,
} from './http1-oddities.ts';

/** Asked last on each connection: shows what a reader took for part of something else, and closes it. */
const tail = `GET /tail HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

/** latin1. */
export function http1Wire(random: Random): string {
  let wire = '';
  for (let requests = 1 + random.below(3); requests > 0; requests -= 1) wire += request(random);
  for (let damages = random.below(3) === 0 ? 1 + random.below(3) : 0; damages > 0; damages -= 1)
    wire = damaged(wire, random);
  return wire + tail;
}

/** Each oddity alone in a request that is right otherwise, and each way to write a length beside each coding. */
export function http1Corpus(): string[] {
  return [
    ...oddMethods.map((method) => `${method} / HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
    ...oddTargets.map((target) => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
    ...oddVersions.map((version) => `GET / ${version}\r\nHost: ${host}\r\n\r\n`),
    ...oddHosts.map((line) => `GET / HTTP/1.1\r\n${line}\r\n\r\n`),
    ...fields.flatMap((line) => [
      `GET / HTTP/1.1\r\nHost: ${host}\r\n${line}\r\n\r\n`,
      post(`${line}\r\nContent-Length: 5`, 'hello'),
    ]),
    ...sizes.map((write) => inChunks(`${write(5)}\r\nhello\r\n0\r\n\r\n`)),
    ...extensions.map((extension) => inChunks(`5${extension}\r\nhello\r\n0\r\n\r\n`)),
    ...chunkEnds.map((end) => inChunks(`5\r\nhello${end}0\r\n\r\n`)),
    ...lastChunks.map((last) => inChunks(`5\r\nhello\r\n${last}`)),
    ...codings.map((line) => post(line, `0\r\n\r\n${smuggled}`)),
    ...lengths.flatMap((write) =>
      codings.flatMap((line) => [
        post(`${write(5)}\r\n${line}`, `0\r\n\r\n${smuggled}`),
        post(`${line}\r\n${write(5)}`, `0\r\n\r\n${smuggled}`),
      ]),
    ),
  ].map((wire) => wire + tail);
}

function post(lines: string, body: string): string {
  return `POST / HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n\r\n${body}`;
}

function inChunks(body: string): string {
  return post('Transfer-Encoding: chunked', body);
}

/** Whole, in a few pieces, or byte by byte. */
export function cutAnywhere(wire: Buffer, random: Random): Buffer[] {
  const way = random.below(20);
  if (way < 8 || wire.length < 2) return [wire];
  if (way === 8 && wire.length < 400) return Array.from(wire, (byte) => Buffer.from([byte]));
  const places = Array.from({ length: 1 + random.below(5) }, () => 1 + random.below(wire.length));
  const ends = [...new Set([...places, wire.length])].sort((a, b) => a - b);
  return ends.map((end, at) => wire.subarray(at === 0 ? 0 : ends[at - 1], end));
}

function request(random: Random): string {
  const mostly = <Item>(usual: Item, odd: readonly Item[], oneIn = 12): Item =>
    random.below(oneIn) === 0 ? random.pick(odd) : usual;
  const method = mostly(random.pick(['GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD']), oddMethods, 16);
  const target = mostly(`/${random.below(1000)}`, oddTargets, 12);
  const version = mostly('HTTP/1.1', oddVersions, 16);
  const lines: string[] = [mostly(`Host: ${host}`, oddHosts, 16)];
  for (let more = random.below(3); more > 0; more -= 1) lines.push(random.pick(fields));
  const wantsBody = !['GET', 'HEAD'].includes(method) || random.below(10) === 0;
  const { framing, body } = wantsBody ? bodyOf(random) : { framing: [], body: '' };
  const at = random.below(lines.length + 1);
  lines.splice(at, 0, ...framing);
  const space = mostly(' ', ['  ', '\t', '\v', '']);
  const lineEnd = mostly('\r\n', ['\n', '\r', '\r\r\n', '\n\r\n'], 30);
  const head = [`${method}${space}${target} ${version}`, ...lines, '', ''].join('\r\n');
  return lineEnd === '\r\n' ? head + body : oneLineEnd(head, lineEnd, random) + body;
}

function oneLineEnd(head: string, lineEnd: string, random: Random): string {
  const places = [...head.matchAll(/\r\n/g)].map(({ index }) => index);
  const at = random.pick(places);
  return head.slice(0, at) + lineEnd + head.slice(at + 2);
}

/** Half of them right; the others in all the spellings that some server once took for right. */
function bodyOf(random: Random): { framing: string[]; body: string } {
  const text = random.pick(bodies);
  const length = `Content-Length: ${text.length}`;
  const chunks = chunked(text, random);
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
    case 10:
      return { framing: [length], body: text };
    case 3:
    case 4:
    case 5:
    case 11:
      return { framing: ['Transfer-Encoding: chunked'], body: chunks };
    case 6:
      return { framing: [random.pick(codings)], body: chunks };
    case 7:
      return { framing: [random.pick(lengths)(text.length)], body: text };
    case 8:
      return {
        framing: [random.pick(lengths)(chunks.length), random.pick(codings)],
        body: chunks,
      };
    default:
      return {
        framing: [random.pick(lengths)(text.length), random.pick(lengths)(text.length + 1)],
        body: text,
      };
  }
}

function chunked(text: string, random: Random): string {
  const isPlain = random.below(3) > 0;
  const cut = random.below(text.length + 1);
  let wire = '';
  for (const piece of [text.slice(0, cut), text.slice(cut)]) {
    if (piece === '') continue;
    const size = isPlain ? piece.length.toString(16) : random.pick(sizes)(piece.length);
    const extension = isPlain ? '' : random.pick(extensions);
    wire += `${size}${extension}\r\n${piece}${isPlain ? '\r\n' : random.pick(chunkEnds)}`;
  }
  return wire + (isPlain ? '0\r\n\r\n' : random.pick(lastChunks));
}

function damaged(wire: string, random: Random): string {
  const at = random.below(wire.length + 1);
  switch (random.below(5)) {
    case 0:
      return wire.slice(0, at) + String.fromCharCode(random.below(256)) + wire.slice(at + 1);
    case 1:
      return wire.slice(0, at) + wire.slice(at + 1 + random.below(3));
    case 2:
      return wire.slice(0, at + random.below(30)) + wire.slice(at);
    case 3: {
      const line = wire.indexOf('\r\n', at) + 2;
      return wire.slice(0, line) + random.pick(fragments) + wire.slice(line);
    }
    default:
      return wire.slice(0, at) + random.pick(fragments) + wire.slice(at);
  }
}
