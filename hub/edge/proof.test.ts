import { describe, expect, it } from 'vitest';

import { challengeToken, isChallengeTarget } from './proof.ts';

describe('the target of a challenge', () => {
  it.each([
    '/.well-known/acme-challenge/abc',
    '/.well-known/acme-challenge/',
    '/.well-known/acme-challenge',
    '/.well-known/acme-challenge?a=b',
    '/.WELL-known/ACME-Challenge/abc',
    '//.well-known/acme-challenge/abc',
    '/.well-known//acme-challenge/abc',
    '/.well-known/./acme-challenge/abc',
    '/a/../.well-known/acme-challenge/abc',
    '/.well-known/a/..%2facme-challenge/abc',
    '/%2ewell-known/acme%2Dchallenge/abc',
    '/.well-known\\acme-challenge\\abc',
    '/.well-known;x=y/acme-challenge/abc',
    '/.well-known/%61%63%6d%65-challenge/abc',
    '/.well-known/%2561cme-challenge/abc',
    '/.well-known/\uFF41cme-challenge/abc',
  ])('%s is known', (target) => {
    expect(isChallengeTarget(target)).toBe(true);
  });

  it.each([
    '/',
    '/acme',
    '/.well-known/openid-configuration',
    '/films/.well-known/acme-challenge/abc',
    '/acme-challenge/.well-known/abc',
    '/search?q=/.well-known/acme-challenge/abc',
    '/%C3%A9/film.mkv',
  ])('%s is somebody’s own', (target) => {
    expect(isChallengeTarget(target)).toBe(false);
  });

  it('holds the token where authorities write it', () => {
    expect(challengeToken('/.well-known/acme-challenge/abc')).toBe('abc');
    expect(challengeToken('/.well-known/acme-challenge')).toBeUndefined();
    expect(challengeToken('/abc')).toBeUndefined();
  });
});
