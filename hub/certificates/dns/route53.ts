// TXT records arrive; a hosted zone at Amazon Route 53 has them. Facts: docs.aws.amazon.com/Route53/latest/APIReference.

import { setTimeout as pause } from 'node:timers/promises';

import { signAws, type AwsKey } from './aws-signature.ts';
import { DnsError } from './failure.ts';
import { fieldText, HttpApi, type ApiAnswer, type ApiRequest } from './http-api.ts';
import type { DnsProvider, TxtRecord } from './provider.ts';
import type { Route53Settings } from './provider-settings.ts';
import { element, elements, escapeXml } from './route53-xml.ts';
import { findZone, holdsTxt, quoteTxt } from './zone-name.ts';

export interface Route53Options {
  readonly now?: () => Date;
  /** Between two looks at a change. */
  readonly pauseMs?: number;
}

interface RecordSet {
  readonly ttl: string;
  /** As Route 53 writes them, in quotes. */
  readonly values: readonly string[];
}

const label = 'Route 53';
/** Route 53 is global; its endpoint and its signatures are in this region. */
const scope = { region: 'us-east-1', service: 'route53' };
const version = '/2013-04-01';
const ttlSeconds = 60;
const maxConflicts = 8;
const conflictPauseMs = 1000;
/** All its servers have a change "generally within 60 seconds". */
const maxChangeLooks = 150;
const changePauseMs = 2000;

export class Route53 implements DnsProvider {
  readonly name = 'route53';
  readonly #api: HttpApi;
  readonly #hostedZoneId: string | undefined;
  readonly #changePauseMs: number;

  constructor(settings: Route53Settings, options: Route53Options = {}) {
    const { baseUrl = 'https://route53.amazonaws.com', sessionToken } = settings;
    const { now = () => new Date(), pauseMs = changePauseMs } = options;
    const key: AwsKey = {
      accessKeyId: settings.accessKeyId,
      secretAccessKey: fieldText(settings.secretAccessKey, 'the AWS secret access key'),
      sessionToken: sessionToken && fieldText(sessionToken, 'the AWS session token'),
    };
    this.#hostedZoneId = settings.hostedZoneId;
    this.#changePauseMs = pauseMs;
    this.#api = new HttpApi({
      provider: label,
      baseUrl,
      headers: (request) => ({
        ...signAws(request, key, scope, now()),
        'content-type': 'application/xml',
      }),
      reasonIn: (text) => reasonIn(text),
      isUnknownCredential: (text) => unknownKeyCodes.includes(element(text, 'Code') ?? ''),
      credential:
        'the AWS key (policy: route53:ListHostedZonesByName, ListResourceRecordSets, ChangeResourceRecordSets, GetChange)',
    });
  }

  async add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#settle(record, true, signal);
  }

  async remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#settle(record, false, signal);
  }

  async #settle(record: TxtRecord, isWanted: boolean, signal: AbortSignal): Promise<void> {
    const zone = await this.#zoneOf(record.name, signal);
    for (let conflicts = 0; ; conflicts += 1) {
      const present = await this.#read(zone, record.name, signal);
      const batch = changesFor(present, record, isWanted);
      if (batch === undefined) return;
      const path = `${version}/hostedzone/${zone}/rrset`;
      const request: ApiRequest = { method: 'POST', path, body: changeRequest(batch) };
      const answer = await this.#api.send(request, signal);
      if (answer.status === 200) return this.#finish(answer, signal);
      // The set changed since it was read, another change is under way, or there were too many: read it again.
      const isPassing = passingCodes.includes(codeIn(answer.text) ?? '') || isOutdated(answer);
      if (!isPassing || conflicts >= maxConflicts) throw this.#refusal(request, answer);
      await pause(Math.min(conflictPauseMs, this.#changePauseMs), undefined, { signal });
    }
  }

  async #zoneOf(name: string, signal: AbortSignal): Promise<string> {
    if (this.#hostedZoneId !== undefined) return this.#hostedZoneId;
    return findZone(label, name, async (candidate) => {
      const path = `${version}/hostedzonesbyname`;
      const query = { dnsname: candidate, maxitems: '100' };
      const text = await this.#get(
        { method: 'GET', path, query },
        'ListHostedZonesByNameResponse',
        signal,
      );
      // The list begins at the name and goes on with all that sort behind it.
      const zones = elements(text, 'HostedZone').filter(
        (zone) =>
          element(zone, 'Name') === `${candidate}.` && element(zone, 'PrivateZone') !== 'true',
      );
      return zones
        .map((zone) => element(zone, 'Id')?.replace('/hostedzone/', ''))
        .find((id) => id !== undefined && /^\w+$/.test(id));
    });
  }

  async #read(zone: string, name: string, signal: AbortSignal): Promise<RecordSet | undefined> {
    const path = `${version}/hostedzone/${zone}/rrset`;
    const query = { name, type: 'TXT', maxitems: '1' };
    const text = await this.#get(
      { method: 'GET', path, query },
      'ListResourceRecordSetsResponse',
      signal,
    );
    const [set] = elements(text, 'ResourceRecordSet');
    const isHere =
      set !== undefined && element(set, 'Name') === `${name}.` && element(set, 'Type') === 'TXT';
    if (!isHere) return undefined;
    return { ttl: element(set, 'TTL') ?? String(ttlSeconds), values: elements(set, 'Value') };
  }

  /** A change is accepted first and published later. */
  async #finish(accepted: ApiAnswer, signal: AbortSignal): Promise<void> {
    let { text } = accepted;
    const id = element(text, 'Id')?.replace('/change/', '') ?? '';
    for (let looks = 0; looks < maxChangeLooks; looks += 1) {
      if (element(text, 'Status') === 'INSYNC') return;
      if (!/^\w+$/.test(id))
        throw this.#api.refusal({ method: 'POST', path: 'rrset' }, { ...accepted, status: 0 });
      await pause(this.#changePauseMs, undefined, { signal });
      const request: ApiRequest = { method: 'GET', path: `${version}/change/${id}` };
      text = await this.#get(request, 'GetChangeResponse', signal);
    }
    const message = `Route 53 has not published the change ${id} within ${(maxChangeLooks * this.#changePauseMs) / 1000} s; see the AWS status page.`;
    throw new DnsError('dns.lagging', message);
  }

  async #get(request: ApiRequest, root: string, signal: AbortSignal): Promise<string> {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#api.send(request, signal);
      if (answer.status === 200 && answer.text.includes(`<${root}`)) return answer.text;
      const isThrottled = codeIn(answer.text) === 'Throttling';
      if (!isThrottled || attempt >= maxConflicts) throw this.#refusal(request, answer);
      await pause(Math.min(conflictPauseMs, this.#changePauseMs), undefined, { signal });
    }
  }

  #refusal(request: ApiRequest, answer: ApiAnswer): DnsError {
    const code = codeIn(answer.text);
    const reason = reasonIn(answer.text) ?? '';
    if (code === 'RequestExpired' || /signature expired|not yet current/i.test(reason)) {
      const message = `The hub's clock differs from Amazon's by more than 5 minutes (${reason}): set it, best by NTP.`;
      return new DnsError('dns.clock', message);
    }
    if (code === 'Throttling' || code === 'PriorRequestNotComplete') {
      return new DnsError(
        'dns.rate-limited',
        `Route 53 wants fewer requests (${reason}); it is tried again later.`,
      );
    }
    if (code === 'NoSuchHostedZone') {
      const message = `Route 53 has no hosted zone ${this.#hostedZoneId ?? ''} in this account: check its id in the settings.`;
      return new DnsError('dns.zone-unknown', message);
    }
    return this.#api.refusal(request, answer);
  }
}

const unknownKeyCodes = [
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'ExpiredToken',
  'SignatureDoesNotMatch',
];
const passingCodes = ['PriorRequestNotComplete', 'Throttling'];

/** The batch speaks of a set that is not, or no longer, like that; other batches are refused for good. */
function isOutdated({ text }: ApiAnswer): boolean {
  const isBatch = codeIn(text) === 'InvalidChangeBatch';
  return isBatch && /already exists|not found|do not match/.test(element(text, 'Message') ?? '');
}

/** Old and new form of the set in one batch, which is taken whole or not at all: nobody else's value can get lost between. */
function changesFor(
  present: RecordSet | undefined,
  record: TxtRecord,
  isWanted: boolean,
): string[] | undefined {
  const values = present?.values ?? [];
  const others = values.filter((value) => !holdsTxt(value, record.value));
  if (others.length < values.length === isWanted) return undefined;
  const next = isWanted ? [...others, quoteTxt(record.value)] : others;
  const ttl = present?.ttl ?? String(ttlSeconds);
  const changes: string[] = [];
  if (present !== undefined) changes.push(change('DELETE', record.name, present));
  if (next.length > 0) changes.push(change('CREATE', record.name, { ttl, values: next }));
  return changes;
}

function change(action: string, name: string, { ttl, values }: RecordSet): string {
  const records = values.map(
    (v) => `<ResourceRecord><Value>${escapeXml(v)}</Value></ResourceRecord>`,
  );
  const set = `<Name>${escapeXml(name)}.</Name><Type>TXT</Type><TTL>${escapeXml(ttl)}</TTL><ResourceRecords>${records.join('')}</ResourceRecords>`;
  return `<Change><Action>${action}</Action><ResourceRecordSet>${set}</ResourceRecordSet></Change>`;
}

function changeRequest(changes: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?><ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes>${changes.join('')}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`;
}

/** Refused batches come in a document of their own, without a code. */
function codeIn(text: string): string | undefined {
  return text.includes('<InvalidChangeBatch') ? 'InvalidChangeBatch' : element(text, 'Code');
}

function reasonIn(text: string): string | undefined {
  const code = codeIn(text);
  const message = element(text, 'Message');
  return code === undefined || message === undefined ? undefined : `${code}: ${message}`;
}
