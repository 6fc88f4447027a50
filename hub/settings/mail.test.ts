import { expect, it } from 'vitest';
import { z } from 'zod';

import { readSettings } from '../../shared/settings/settings.ts';
import { mailOf, mailProblems, mailSettings } from './mail.ts';

const read = (environment: Record<string, string>) =>
  readSettings(z.object(mailSettings), environment);
const from = { HUB_SMTP_FROM: 'Phlix Hub <hub@Example.org>' };

it.each([
  [
    { ...from, HUB_SMTP_HOST: 'mail.example.org' },
    { host: 'mail.example.org', port: 587, isImplicit: false, login: undefined },
  ],
  [
    { ...from, HUB_SMTP_HOST: 'mail.example.org', HUB_SMTP_PORT: '465' },
    { port: 465, isImplicit: true },
  ],
  [
    { ...from, HUB_SMTP_URL: 'smtp://a:b%40c@mail.example.org' },
    { port: 587, isImplicit: false, login: { user: 'a' } },
  ],
  [
    { ...from, HUB_SMTP_URL: 'smtps://mail.example.org:4650' },
    { port: 4650, isImplicit: true, login: undefined },
  ],
])('%j is read', (environment, expected) => {
  const settings = read(environment);
  expect(mailProblems(settings)).toEqual([]);
  const sender = { name: 'Phlix Hub', address: 'hub@example.org' };
  expect(mailOf(settings)).toMatchObject({ ...expected, from: sender });
});

it('a password in an address is decoded', () => {
  const settings = read({ ...from, HUB_SMTP_URL: 'smtp://a:b%40c@mail.example.org' });
  expect(mailOf(settings)?.login?.password.reveal()).toBe('b@c');
});

it.each([
  [{ HUB_SMTP_HOST: 'mail.example.org' }, ['HUB_SMTP_FROM']],
  [{ ...from }, ['HUB_SMTP_FROM']],
  [{ ...from, HUB_SMTP_PORT: '25' }, ['HUB_SMTP_PORT', 'HUB_SMTP_FROM']],
  [{ ...from, HUB_SMTP_HOST: 'm', HUB_SMTP_USER: 'a' }, ['HUB_SMTP_USER']],
  [{ HUB_EMAIL_CODES: 'on' }, ['HUB_EMAIL_CODES']],
  [{ ...from, HUB_SMTP_HOST: 'm', HUB_SMTP_URL: 'smtp://m' }, ['HUB_SMTP_HOST']],
])('%j contradicts itself', (environment, names) => {
  expect(mailProblems(read(environment)).map(({ name }) => name)).toEqual(names);
});

it.each(['http://m', 'smtp://', 'smtp://a@m', 'smtp://m/x', 'smtp://m?x=1'])(
  '%s is no mail server',
  (url) => {
    expect(() => read({ ...from, HUB_SMTP_URL: url })).toThrow('HUB_SMTP_URL');
  },
);

it('without any of them the hub sends no mail', () => {
  const settings = read({});
  expect([mailProblems(settings), mailOf(settings)]).toEqual([[], undefined]);
  expect(settings.HUB_EMAIL_CODES).toBe(false);
});
