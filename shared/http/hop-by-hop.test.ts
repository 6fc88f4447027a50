import { describe, expect, test } from 'vitest';
import { endToEndFields, endToEndTrailers, listedNames } from './hop-by-hop.ts';

describe('end-to-end fields', () => {
  test('keep their order and their copies', () => {
    const fields = ['set-cookie', 'a', 'content-type', 'b', 'set-cookie', 'c'];
    expect(endToEndFields(fields)).toEqual(fields);
  });

  test.each([
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'transfer-encoding',
    'upgrade',
    'proxy-authenticate',
    'proxy-authorization',
    'proxy-authentication-info',
    'http2-settings',
  ])('are without %s', (name) => {
    expect(endToEndFields(['a', 'b', name, 'x', 'c', 'd'])).toEqual(['a', 'b', 'c', 'd']);
  });

  test('are without those that any Connection line names, in any case', () => {
    const fields = [
      'x-a',
      '1',
      'connection',
      'close, X-A',
      'x-b',
      '2',
      'connection',
      ' x-b ,',
      'x-c',
      '3',
    ];
    expect(endToEndFields(fields)).toEqual(['x-c', '3']);
  });

  test('are without those that a Connection line behind keep-alive names', () => {
    const fields = ['connection', 'keep-alive', 'x-a', '1', 'connection', 'x-a'];
    expect(endToEndFields(fields)).toEqual([]);
  });

  test('are without those that a Connection line names, whatever the field before it says', () => {
    expect(endToEndFields(['x-a', 'close', 'connection', 'x-a'])).toEqual([]);
    expect(endToEndFields(['connection', 'x-a', 'x-a', 'keep-alive'])).toEqual([]);
  });
});

test('the names that a list field holds are those of all its lines, and of no other field', () => {
  const fields = ['a', 'X-Not', 'trailer', 'X-Sum, x-time', 'b', 'c', 'trailer', 'x-c'];
  expect(listedNames(fields, 'trailer')).toEqual(new Set(['x-sum', 'x-time', 'x-c']));
});

describe('end-to-end trailers', () => {
  test.each([
    'content-length',
    'transfer-encoding',
    'set-cookie',
    'host',
    'authorization',
    'content-type',
    'trailer',
  ])('are without %s, announced or not', (name) => {
    expect(endToEndTrailers([name, 'x', 'x-sum', '1'])).toEqual(['x-sum', '1']);
    expect(endToEndTrailers([name, 'x'], new Set([name]))).toEqual([]);
  });

  test('are the announced ones where announcing is needed', () => {
    const announced = listedNames(
      ['trailer', 'X-Sum, x-time', 'a', 'b', 'trailer', 'x-c'],
      'trailer',
    );
    expect(endToEndTrailers(['x-sum', '1', 'x-other', '2', 'x-c', '3'], announced)).toEqual([
      'x-sum',
      '1',
      'x-c',
      '3',
    ]);
  });
});
