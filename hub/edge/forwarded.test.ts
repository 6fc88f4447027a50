import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { visitorRequest, withBody } from '../../test/support/exchanges.ts';
import { originFields, upgradeFields } from './forwarded.ts';
import type { FieldLines } from './visitor.ts';

const valuesOf = (fields: FieldLines, name: string) =>
  fields.filter((_, i) => i % 2 === 1 && fields[i - 1] === name);

describe('the fields an origin gets', () => {
  test('hold one of each field the hub vouches for, whatever the visitor sent', () => {
    const forged = [
      'host',
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
      'x-request-id',
    ];
    const fields = originFields(
      visitorRequest({ fields: forged.flatMap((name) => [name, 'forged']) }),
    );
    expect(forged.map((name) => valuesOf(fields, name))).toEqual([
      ['movies.test:8443'],
      ['203.0.113.9'],
      ['https'],
      ['movies.test:8443'],
      ['019a5b3c-0000-7000-8000-000000000001'],
    ]);
  });

  test('name nobody when no client is known, so that the origin does not take him for the agent at home', () => {
    const fields = originFields(visitorRequest({ clientAddress: undefined }));
    expect(valuesOf(fields, 'x-forwarded-for')).toEqual(['192.0.0.8']);
  });

  test('keep the order and the copies of the rest', () => {
    const rest = ['accept', 'a', 'x-two', '1', 'x-two', '2', 'authorization', 'Bearer x'];
    expect(originFields(visitorRequest({ fields: rest })).slice(2, 10)).toEqual(rest);
  });

  test('leave out Expect, which the front has answered, and what belongs to one hop', () => {
    const hop = ['expect', 'connection', 'te', 'trailer', 'upgrade', 'keep-alive'];
    const fields = originFields(visitorRequest({ fields: hop.flatMap((name) => [name, 'x']) }));
    expect(hop.filter((name) => fields.includes(name))).toEqual([]);
  });

  test('ask for trailers where the visitor did, in our own words, but for an upgrade', () => {
    const request = visitorRequest({
      takesTrailers: true,
      fields: ['te', 'gzip', 'connection', 'x'],
    });
    const fields = originFields(request);
    expect([valuesOf(fields, 'te'), valuesOf(fields, 'connection')]).toEqual([
      ['trailers'],
      ['TE'],
    ]);
    expect(valuesOf(upgradeFields(request), 'te')).toEqual([]);
    expect(valuesOf(upgradeFields(request), 'connection')).toEqual(['Upgrade']);
  });

  test.each([
    ['GET', undefined, [], []],
    ['DELETE', undefined, [], []],
    ['POST', undefined, ['0'], []],
    ['POST', 5, ['5'], []],
    ['DELETE', 5, ['5'], []],
    ['PUT', 'unknown', [], ['chunked']],
  ] as const)('frame a %s with a body of %s by us alone', (method, length, lengths, codings) => {
    const known = length === 'unknown' ? undefined : length;
    const body = length === undefined ? {} : withBody(Readable.from([]), known);
    const smuggled = ['content-length', '7', 'transfer-encoding', 'identity'];
    const fields = originFields(visitorRequest({ fields: smuggled, ...body, method }));
    expect(valuesOf(fields, 'content-length')).toEqual(lengths);
    expect(valuesOf(fields, 'transfer-encoding')).toEqual(codings);
  });

  test('ask for WebSocket and nothing else on an upgrade', () => {
    const fields = upgradeFields(
      visitorRequest({
        fields: ['upgrade', 'h2c', 'sec-websocket-key', 'k', 'sec-websocket-version', '13'],
      }),
    );
    expect(valuesOf(fields, 'upgrade')).toEqual(['websocket']);
    expect(valuesOf(fields, 'connection')).toEqual(['Upgrade']);
    expect(valuesOf(fields, 'sec-websocket-key')).toEqual(['k']);
  });
});
