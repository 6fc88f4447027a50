// Somebody's logins arrive; the page leaves that shows where they are signed in, and ends what they do not know.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../../accounts/caller.ts';
import { placeOf as networkOf } from '../../accounts/login/arrivals.ts';
import type { Login, LoginMethod } from '../../accounts/login/login.ts';
import { placeName } from '../../accounts/login/place-name.ts';
import type { DashboardEnv } from '../environment.ts';
import { appPage } from '../layout.ts';
import { badge } from '../parts/badge.ts';
import { button, linkButton, opener } from '../parts/button.ts';
import { card } from '../parts/card.ts';
import { confirmation } from '../parts/dialog.ts';
import { emptyState } from '../parts/empty-state.ts';
import { form } from '../parts/form.ts';
import { itemList, type Item } from '../parts/item-list.ts';
import type { Content } from '../parts/markup.ts';
import { day, moment } from '../parts/moment.ts';
import type { PeopleServices } from '../services.ts';

const methodWords: Readonly<Record<LoginMethod, string>> = {
  password: 'password',
  passkey: 'passkey',
  totp: 'authenticator app',
  recovery: 'recovery code',
  email: 'e-mail code',
  sso: 'single sign-on',
  'sso-factor': 'its second factor',
  setup: 'setup token',
  invitation: 'invitation',
  'trusted-browser': 'trusted browser',
  'trusted-network': 'from a trusted network',
};

export async function devicesPage(
  context: Context<DashboardEnv>,
  caller: LoginCaller,
  services: Pick<PeopleServices, 'logins' | 'tokens' | 'travel'>,
): Promise<Response> {
  const { account } = caller;
  const { logins, tokens } = services;
  const [all, held] = await Promise.all([logins.list(account), tokens.list(account.id)]);
  const others = all.filter(({ id }) => id !== caller.login.id);
  const browsers = [caller.login, ...others].map(async (login) =>
    loginItem(login, { isThis: login === caller.login, place: await placeOf(login, services) }),
  );
  const devices = held.filter(({ kind }) => kind === 'device');
  const pair = linkButton('Let a device in', '/device', { icon: 'plus' });
  return appPage(context, {
    title: 'Devices and sessions',
    here: 'devices',
    lead: 'Where you are signed in now. End what you do not know, then change your password.',
    body: [
      card({
        title: 'Browsers',
        ...(others.length > 0 && { actions: opener('Sign out everywhere else', 'end-others') }),
        body: [
          itemList('Browsers', await Promise.all(browsers)),
          confirmation({
            id: 'end-others',
            title: 'Sign out everywhere else?',
            lost: [
              `${others.length} other ${others.length === 1 ? 'login ends' : 'logins end'} within a second. This one stays.`,
            ],
            call: 'POST /api/v1/account/logins/end-others',
            confirm: 'Sign out everywhere else',
            said: 'You are signed in here only.',
          }),
        ],
      }),
      card({
        title: 'Apps and televisions',
        lead: 'Devices that you let in with a code.',
        ...(devices.length > 0 && { actions: pair }),
        body:
          devices.length === 0
            ? emptyState({
                icon: 'film',
                title: 'No device yet',
                body: 'A television or an app that wants in shows a code of eight letters. Type it here, and it may see your servers.',
                action: pair,
              })
            : itemList(
                'Apps and televisions',
                devices.map(({ id, name, app, lastUsedAt, expiresAt }) => ({
                  icon: 'film',
                  title: name,
                  detail: html`${app ?? 'App'}, used ${moment(lastUsedAt)}, until ${day(expiresAt)}`,
                  actions: form({
                    call: `DELETE /api/v1/tokens/${id}`,
                    after: 'reload',
                    said: `${name} is out.`,
                    body: button('Remove', { kind: 'quiet', spoken: `Remove ${name}` }),
                  }),
                })),
              ),
      }),
    ],
  });
}

/** Row A-18: the network is enough to know one's own; the town says more to most. */
async function placeOf(
  { address }: Login,
  { travel }: Pick<PeopleServices, 'travel'>,
): Promise<string> {
  const network = address === undefined ? 'unknown address' : networkOf(address);
  if (!travel.knowsPlaces) return network;
  const place = await travel.placeOf(address);
  return `${(place && placeName(place)) ?? 'unknown place'} · ${network}`;
}

function loginItem(login: Login, { isThis, place }: { isThis: boolean; place: string }): Item {
  const { id, software, seenAt, createdAt, methods } = login;
  const by = methods.map((method) => methodWords[method]).join(', ');
  const actions: Content = isThis
    ? undefined
    : form({
        call: `DELETE /api/v1/account/logins/${id}`,
        after: 'reload',
        said: `${software} is signed out.`,
        body: button('Sign out', { kind: 'quiet', spoken: `Sign out ${software}` }),
      });
  return {
    icon: /iPhone|Android|iPad/.test(software) ? 'phone' : 'desktop',
    title: software,
    badges: isThis && badge('This browser', 'good'),
    detail: html`${place} · ${isThis ? 'now' : moment(seenAt)} · since ${day(createdAt)} · ${by}`,
    ...(actions !== undefined && { actions }),
  };
}
