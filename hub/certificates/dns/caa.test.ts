import { describe, expect, test } from 'vitest';

import { caaObstacle, type CaaQuestion, type CaaRecord } from './caa.ts';

const account = 'https://acme-v02.api.letsencrypt.org/acme/acct/1';
const question: CaaQuestion = {
  isWildcard: false,
  identities: ['letsencrypt.org'],
  accountUrl: account,
  challenge: 'dns-01',
};
const issue = (value: string): CaaRecord => ({ flags: 0, tag: 'issue', value });
const issuewild = (value: string): CaaRecord => ({ flags: 0, tag: 'issuewild', value });

describe('the authority may issue', () => {
  test.each<[string, CaaRecord[], Partial<CaaQuestion>]>([
    ['without any record', [], {}],
    [
      'with records that say nothing of issuing',
      [{ flags: 0, tag: 'iodef', value: 'mailto:x@example.org' }],
      {},
    ],
    ['when it is named', [issue('letsencrypt.org')], {}],
    ['when it is named among others', [issue('digicert.com'), issue('letsencrypt.org')], {}],
    [
      'when it is named in capitals, with blanks',
      [{ ...issue('  LetsEncrypt.ORG ; '), tag: 'ISSUE' }],
      {},
    ],
    ['with its account', [issue(`letsencrypt.org; accounturi=${account}`)], {}],
    [
      'with its account and way of proof',
      [issue(`letsencrypt.org;accounturi=${account};validationmethods=http-01,dns-01`)],
      {},
    ],
    [
      'when one of its records fits',
      [
        issue('letsencrypt.org; validationmethods=http-01'),
        issue('letsencrypt.org; validationmethods=dns-01'),
      ],
      {},
    ],
    ['with parameters that nobody knows', [issue('letsencrypt.org; policy=ev')], {}],
    [
      'wildcards, by issue, where no issuewild is',
      [issue('letsencrypt.org')],
      { isWildcard: true },
    ],
    [
      'wildcards, by issuewild, whatever issue says',
      [issue(';'), issuewild('letsencrypt.org')],
      { isWildcard: true },
    ],
    ['names, by issue, whatever issuewild says', [issue('letsencrypt.org'), issuewild(';')], {}],
    ['names, where only issuewild is', [issuewild(';')], {}],
    ['when it does not say its name', [issue('digicert.com')], { identities: [] }],
    [
      'when a critical record is one that is known',
      [{ ...issue('letsencrypt.org'), flags: 128 }],
      {},
    ],
  ])('%s', (_, records, changes) => {
    expect(caaObstacle(records, { ...question, ...changes })).toBeUndefined();
  });
});

describe('the authority may not issue', () => {
  test.each<[string, CaaRecord[], Partial<CaaQuestion>, RegExp, string | undefined]>([
    [
      'when others are named',
      [issue('digicert.com'), issue('sectigo.com')],
      {},
      /only digicert\.com and sectigo\.com/,
      'CAA 0 issue "letsencrypt.org"',
    ],
    ['when nobody may', [issue(';')], {}, /only nobody/, 'CAA 0 issue "letsencrypt.org"'],
    [
      'wildcards when issuewild names another',
      [issue('letsencrypt.org'), issuewild('digicert.com')],
      { isWildcard: true },
      /only digicert\.com/,
      'CAA 0 issuewild "letsencrypt.org"',
    ],
    [
      'with another account',
      [issue('letsencrypt.org; accounturi=https://acme.example/acct/9')],
      {},
      /only the account https:\/\/acme\.example\/acct\/9, and this hub's is /,
      `CAA 0 issue "letsencrypt.org; accounturi=${account}; validationmethods=dns-01"`,
    ],
    [
      'before it knows the hub',
      [issue(`letsencrypt.org; accounturi=${account}`)],
      { accountUrl: undefined },
      /not registered one yet/,
      'CAA 0 issue "letsencrypt.org; validationmethods=dns-01"',
    ],
    [
      'by this way of proof',
      [issue('letsencrypt.org; validationmethods=dns-01')],
      { challenge: 'http-01' },
      /by dns-01 only, and this hub proves by http-01/,
      `CAA 0 issue "letsencrypt.org; accounturi=${account}; validationmethods=http-01"`,
    ],
    [
      'when one record names two accounts',
      [issue(`letsencrypt.org; accounturi=${account}; accounturi=${account}`)],
      {},
      /several accounts/,
      expect.any(String) as string,
    ],
    [
      'when a value cannot be read',
      [issue('letsencrypt.org; ???')],
      {},
      /cannot be read/,
      expect.any(String) as string,
    ],
    [
      'when a critical record is not understood',
      [issue('letsencrypt.org'), { flags: 128, tag: 'future', value: 'x' }],
      {},
      /critical CAA record .*"future"/,
      undefined,
    ],
  ])('%s', (_, records, changes, reason, record) => {
    const obstacle = caaObstacle(records, { ...question, ...changes });
    expect(obstacle?.reason).toMatch(reason);
    expect(obstacle?.record).toEqual(record);
  });
});
