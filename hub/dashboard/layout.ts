// What a page shows arrives; the whole document leaves, in the frame for those who are signed in or in the one for those who are not.

import type { Context } from 'hono';
import { html } from 'hono/html';

import type { LoginCaller } from '../accounts/caller.ts';
import type { DashboardEnv } from './environment.ts';
import { navigation, type Place } from './navigation.ts';
import { icon, mark } from './parts/icon.ts';
import type { Content, Markup } from './parts/markup.ts';
import { stepUpDialog } from './parts/step-up-dialog.ts';

type PageContext = Context<DashboardEnv>;
type Status = 200 | 403 | 404 | 410 | 500 | 503;

interface DocumentOptions {
  /** Of the tab, in front of the hub's name. */
  readonly title: string;
  /** Scripts of hub/dashboard/islands that this page needs beside `page.js`: `security` for security.ts. */
  readonly islands?: readonly string[];
  readonly status?: Status;
}

export interface AppPageOptions extends DocumentOptions {
  readonly here?: Place;
  /** Beside the title: what it is about, in a sentence. */
  readonly lead?: Content;
  /** The page's own buttons. */
  readonly actions?: Content;
  /** One up. */
  readonly back?: { readonly href: string; readonly text: string };
  /** The heading, where it is more than the title. */
  readonly heading?: Content;
  readonly body: Content;
}

/**
 * For those who are signed in: a bar to go by, a heading, and cards below. Where strangers may read a page as well, they get
 * it on the door.
 */
export function appPage(
  context: PageContext,
  options: AppPageOptions,
): Response | Promise<Response> {
  const caller = context.get('caller');
  const page = html`<div class="page">${pageHead(options)} ${options.body}</div>`;
  if (caller.kind !== 'login') return doorPage(context, { ...options, isWide: true, body: page });
  const frame = html`<div class="app">
      <header class="topbar">
        <a class="brand" href="/">${mark()}<span>Phlix Hub</span></a>
        ${signedIn(caller)}
      </header>
      ${navigation(caller.account.role, options.here)}
      <main class="main" id="main" tabindex="-1">${page}</main>
    </div>
    ${stepUpDialog()}`;
  return answer(context, options, frame);
}

export interface DoorPageOptions extends DocumentOptions {
  readonly body: Content;
  /** For more than a form. */
  readonly isWide?: boolean;
}

/** For those who are not: one card (`doorCard`) on a quiet ground. */
export function doorPage(
  context: PageContext,
  options: DoorPageOptions,
): Response | Promise<Response> {
  const { hubHost } = context.get('dashboard');
  const frame = html`<div class="door">
    <header>
      <a class="brand" href="/">${mark()}<span>Phlix Hub</span></a>
    </header>
    <main class="door-main${options.isWide === true && ' wide'}" id="main" tabindex="-1">
      ${options.body}
    </main>
    <footer class="door-foot">${hubHost}</footer>
  </div>`;
  return answer(context, options, frame);
}

export function doorCard(options: { title: string; lead?: Content; body: Content }): Markup {
  return html`<div class="door-card">
    <div>
      <h1>${options.title}</h1>
      ${options.lead !== undefined && html`<p class="soft">${options.lead}</p>`}
    </div>
    ${options.body}
  </div>`;
}

/** Whose page it is may have signed out by the time somebody goes back to it. */
function answer(
  context: PageContext,
  options: DocumentOptions,
  frame: Markup,
): Response | Promise<Response> {
  context.header('cache-control', 'no-store');
  return context.html(htmlDocument(context, options, frame), options.status ?? 200);
}

function pageHead({ title, heading = title, lead, actions, back }: AppPageOptions): Markup {
  return html`<div class="page-head">
    <div>
      ${back && html`<a class="back" href="${back.href}">${icon('chevron')}${back.text}</a>`}
      <h1>${heading}</h1>
      ${lead !== undefined && html`<p class="soft">${lead}</p>`}
    </div>
    ${actions !== undefined && html`<div class="actions">${actions}</div>`}
  </div>`;
}

function signedIn({ account: { username }, login }: LoginCaller): Markup {
  // Who came by a provider is signed out there as well.
  const way = login.methods.includes('sso') ? 'sso/logout' : 'logout';
  return html`<div class="who">
    <a class="who-name" href="/security" title="Your account">${username}</a>
    <button
      type="button"
      class="button quiet square"
      data-signs-out="/api/v1/auth/${way}"
      aria-label="Sign out"
    >
      ${icon('signOut')}
    </button>
  </div>`;
}

function htmlDocument(context: PageContext, options: DocumentOptions, frame: Markup): Markup {
  const { assets } = context.get('dashboard');
  const scripts = ['page', ...(options.islands ?? [])].map((name) => `${name}.js`);
  const imported = new Set(scripts.flatMap((name) => assets.preloads(name)));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
        <meta name="color-scheme" content="light dark" />
        <meta name="theme-color" content="#f7f6f3" media="(prefers-color-scheme: light)" />
        <meta name="theme-color" content="#0f1015" media="(prefers-color-scheme: dark)" />
        <meta name="robots" content="noindex" />
        <title>${options.title} · Phlix Hub</title>
        <link rel="icon" type="image/svg+xml" href="${assets.url('icon.svg')}" />
        <link rel="stylesheet" href="${assets.url('dashboard.css')}" />
        ${scripts.map((name) => html`<script type="module" src="${assets.url(name)}"></script>`)}
        ${[...imported].map((url) => html`<link rel="modulepreload" href="${url}" />`)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the page</a>
        <noscript>
          <p class="problem">
            This page needs JavaScript: its buttons call the hub. Everything it does, the command
            phlix-hub does on the host as well.
          </p>
        </noscript>
        ${frame}
        <div class="toasts" role="status" aria-live="polite" id="toasts"></div>
      </body>
    </html>`;
}
