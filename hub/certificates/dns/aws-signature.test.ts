import { expect, test } from 'vitest';

import { signAws } from './aws-signature.ts';

// The key, time and results of AWS's own test suite for Signature Version 4.
const key = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const scope = { region: 'us-east-1', service: 'service' };
const now = new Date('2015-08-30T12:36:00Z');

test('a plain request is signed as the reference does (get-vanilla)', () => {
  const request = { method: 'GET', url: new URL('https://example.amazonaws.com/'), body: '' };
  expect(signAws(request, key, scope, now)).toEqual({
    'x-amz-date': '20150830T123600Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  });
});

test('the query is signed in order (get-vanilla-query-order-key-case)', () => {
  const url = new URL('https://example.amazonaws.com/?Param2=value2&Param1=value1');
  const { authorization } = signAws({ method: 'GET', url, body: '' }, key, scope, now);
  expect(authorization).toContain(
    'Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  );
});

test('a token of temporary credentials goes along, signed', () => {
  const request = { method: 'GET', url: new URL('https://example.amazonaws.com/'), body: '' };
  const fields = signAws(request, { ...key, sessionToken: 'session' }, scope, now);
  expect(fields['x-amz-security-token']).toBe('session');
  expect(fields['authorization']).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token');
});
