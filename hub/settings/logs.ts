// The settings of the hub's log, of its access log and of its traces arrive; where their lines go, how large files grow, and who is sent spans leave.

import type { z } from 'zod';

import {
  choice,
  fraction,
  integer,
  path,
  secret,
  setting,
  size,
} from '../../shared/settings/kinds.ts';
import { isPlaceholder, type Secret } from '../../shared/settings/secret.ts';
import type { SettingProblem } from '../../shared/settings/settings.ts';

const mebibyte = 1024 * 1024;

/** How much of a visitor's address a line of the access log has. */
const addressDetails = ['full', 'network', 'none'] as const;
type AddressDetail = (typeof addressDetails)[number];

const headerLines = setting(
  {
    expected: 'field lines for the collector, with a credential of your own',
    remedy: 'write authorization=Bearer%20..., percent-encoded, more with commas',
  },
  (text) => {
    const headers = readHeaders(text);
    const isUsable = headers !== undefined && !Object.values(headers).some(holdsPlaceholder);
    return isUsable ? text.trim() : undefined;
  },
);

export const logSettings = {
  HUB_LOG_FILE: path().optional(),
  /** With the five that are kept some 200 MB: weeks at level info, an afternoon at debug. */
  HUB_LOG_FILE_SIZE: size(0, 1024 * mebibyte).default(32 * mebibyte),
  HUB_LOG_FILES: integer(0, 1000).default(5),
  HUB_ACCESS_LOG: setting(
    { expected: 'off, stdout or a file', remedy: 'write off, stdout or an absolute path' },
    (text) => (text === 'off' || text === 'stdout' ? text : path().safeParse(text).data),
  ).default('off'),
  /** Enough to tell visitors of one evening apart, and not to find the house. */
  HUB_ACCESS_LOG_ADDRESSES: choice(addressDetails).default('network'),
  HUB_OTLP_URL: setting(
    {
      expected: 'where a collector takes OTLP over HTTP',
      remedy:
        'write http://127.0.0.1:4318 or https://collector.example.org, with /v1/traces or without',
    },
    collectorUrl,
  ).optional(),
  HUB_OTLP_HEADERS: headerLines.pipe(secret()).optional(),
  HUB_TRACE_SAMPLE: fraction().default(1),
} as const;

export interface LogSettings {
  /** Undefined: standard output. */
  readonly file: string | undefined;
  readonly maxBytes: number;
  readonly keptFiles: number;
  readonly access: 'off' | 'stdout' | { readonly file: string };
  readonly addresses: AddressDetail;
}

export interface TraceSettings {
  readonly url: URL;
  readonly headers: Secret | undefined;
  /** Share of the requests that are traced, 0 to 1. */
  readonly sample: number;
}

type Settings = z.output<z.ZodObject<typeof logSettings>>;

export function logsOf(settings: Settings): LogSettings {
  const access = settings.HUB_ACCESS_LOG;
  return {
    file: settings.HUB_LOG_FILE,
    maxBytes: settings.HUB_LOG_FILE_SIZE,
    keptFiles: settings.HUB_LOG_FILES,
    access: access === 'off' || access === 'stdout' ? access : { file: access },
    addresses: settings.HUB_ACCESS_LOG_ADDRESSES,
  };
}

/** Undefined: nothing is traced. */
export function tracesOf(settings: Settings): TraceSettings | undefined {
  const { HUB_OTLP_URL: url, HUB_OTLP_HEADERS: headers, HUB_TRACE_SAMPLE: sample } = settings;
  return url && { url, headers, sample };
}

export function logProblems(settings: Settings): SettingProblem[] {
  const { HUB_ACCESS_LOG: access, HUB_LOG_FILE: file, HUB_OTLP_HEADERS: headers } = settings;
  const problems: SettingProblem[] = [];
  if (access === file && file !== undefined)
    problems.push({
      name: 'HUB_ACCESS_LOG',
      expected: 'another file than HUB_LOG_FILE',
      remedy: 'give each a file of its own, or write stdout',
    });
  if (headers !== undefined && settings.HUB_OTLP_URL === undefined)
    problems.push({
      name: 'HUB_OTLP_HEADERS',
      expected: 'HUB_OTLP_URL beside it',
      remedy: 'set HUB_OTLP_URL, or unset this one',
    });
  return problems;
}

/** For the exporter; they were read once before, so that they can be. */
export function otlpHeaders(headers: Secret | undefined): Record<string, string> {
  return readHeaders(headers?.reveal() ?? '') ?? {};
}

/** As OTEL_EXPORTER_OTLP_HEADERS is written: `name=value,name=value`, values percent-encoded. Undefined: it cannot be read. */
function readHeaders(text: string): Record<string, string> | undefined {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  const read = pairs.map((pair) => headerPair.exec(pair));
  if (read.includes(null)) return undefined;
  try {
    return Object.fromEntries(
      read.map((match) => [match?.[1]?.toLowerCase() ?? '', decodeURIComponent(match?.[2] ?? '')]),
    );
  } catch {
    return undefined;
  }
}

/** A token of RFC 9110 §5.6.2, and printable ASCII. */
const headerPair = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*([\x21-\x7e ]*?)\s*$/;

/** Behind `Bearer` or `Basic` as well: what everybody knows opens the collector to everybody (security row E-02). */
function holdsPlaceholder(value: string): boolean {
  return isPlaceholder(value) || isPlaceholder(value.replace(/^\w+\s+/, ''));
}

/** What OTLP's exporters expect below a collector's address (OTLP 1.x, "OTLP/HTTP Request"). */
const tracesPath = '/v1/traces';

function collectorUrl(text: string): URL | undefined {
  const url = URL.parse(text.trim());
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return undefined;
  if (url.username !== '' || url.password !== '' || url.hash !== '') return undefined;
  if (!url.pathname.endsWith(tracesPath))
    url.pathname = `${url.pathname.replace(/\/+$/, '')}${tracesPath}`;
  return url;
}
