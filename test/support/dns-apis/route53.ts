// Requests for Amazon Route 53 arrive; what that API answers leaves: XML, batches taken whole or not at all, changes that are published later.

import { createHash, createHmac } from 'node:crypto';

import { Secret } from '../../../shared/settings/secret.ts';
import {
  startLocalApi,
  withoutQuotes,
  zones,
  type ApiCall,
  type ApiReply,
  type DnsApi,
} from './local-api.ts';

const accessKeyId = 'AKIDEXAMPLE';
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
/** How often a change is still PENDING when it is asked for. */
const pendingLooks = 2;

interface Set53 {
  readonly ttl: string;
  readonly values: readonly string[];
}

export async function startRoute53(): Promise<DnsApi> {
  const sets = new Map<string, Set53>();
  const pending = new Map<string, number>();
  const api = await startLocalApi((call) => {
    const problem = signatureProblem(call);
    if (problem !== undefined) return problem;
    if (call.path === '/2013-04-01/hostedzonesbyname')
      return listZones(call.query.get('dnsname') ?? '');
    const [, change] = /^\/2013-04-01\/change\/(\w+)$/.exec(call.path) ?? [];
    if (change !== undefined) {
      const left = (pending.get(change) ?? 0) - 1;
      pending.set(change, left);
      return xml(200, 'GetChangeResponse', changeInfo(change, left > 0 ? 'PENDING' : 'INSYNC'));
    }
    const [, number] = /^\/2013-04-01\/hostedzone\/Z(\d)\/rrset$/.exec(call.path) ?? [];
    const zone = zones[Number(number)];
    if (zone === undefined) return refusal(404, 'NoSuchHostedZone', 'No hosted zone found');
    if (call.method === 'GET') return listSets(sets, zone, call.query.get('name') ?? '');
    const failure = apply(sets, zone, call.body);
    if (failure !== undefined) return failure;
    const id = `C${pending.size + 1}`;
    pending.set(id, pendingLooks);
    return xml(200, 'ChangeResourceRecordSetsResponse', changeInfo(id, 'PENDING'));
  });
  return {
    ...api,
    name: 'route53',
    settings: (credential = secretAccessKey) => ({
      kind: 'route53',
      accessKeyId,
      secretAccessKey: new Secret(credential),
      sessionToken: undefined,
      hostedZoneId: undefined,
      baseUrl: api.url,
    }),
    values: (zone, name) => (sets.get(`${zone} ${name}`)?.values ?? []).map(withoutQuotes),
    seed: (zone, name, value) => {
      const values = [...(sets.get(`${zone} ${name}`)?.values ?? []), `"${value}"`];
      sets.set(`${zone} ${name}`, { ttl: '300', values });
    },
  };
}

function listZones(from: string): ApiReply {
  // It begins at the asked name and goes on; a private zone of the same name comes first.
  const privates = `<HostedZone><Id>/hostedzone/ZPRIVATE</Id><Name>${from}.</Name><Config><PrivateZone>true</PrivateZone></Config></HostedZone>`;
  const shown = zones
    .map((name, number) => ({ name, number }))
    .filter(({ name }) => name >= from)
    .map(
      ({ name, number }) =>
        `<HostedZone><Id>/hostedzone/Z${number}</Id><Name>${name}.</Name><CallerReference>x</CallerReference><Config><Comment>films &amp; series</Comment><PrivateZone>false</PrivateZone></Config></HostedZone>`,
    );
  return xml(
    200,
    'ListHostedZonesByNameResponse',
    `<HostedZones>${privates}${shown.join('')}</HostedZones><IsTruncated>false</IsTruncated>`,
  );
}

function listSets(sets: ReadonlyMap<string, Set53>, zone: string, from: string): ApiReply {
  const set = sets.get(`${zone} ${from}`);
  // Without one of this name, the list begins with the next.
  const name = set === undefined ? `zzz.${zone}` : from;
  const { ttl, values } = set ?? { ttl: '60', values: ['"other"'] };
  const records = values
    .map(
      (value) =>
        `<ResourceRecord><Value>${value.replaceAll('&', '&amp;')}</Value></ResourceRecord>`,
    )
    .join('');
  const shown = `<ResourceRecordSet><Name>${name}.</Name><Type>TXT</Type><TTL>${ttl}</TTL><ResourceRecords>${records}</ResourceRecords></ResourceRecordSet>`;
  return xml(
    200,
    'ListResourceRecordSetsResponse',
    `<ResourceRecordSets>${shown}</ResourceRecordSets><IsTruncated>true</IsTruncated><MaxItems>1</MaxItems>`,
  );
}

function apply(sets: Map<string, Set53>, zone: string, body: string): ApiReply | undefined {
  const next = new Map(sets);
  for (const [, action = '', name = '', ttl = '', records = ''] of body.matchAll(
    /<Change><Action>(\w+)<\/Action><ResourceRecordSet><Name>([^<]+)\.<\/Name><Type>TXT<\/Type><TTL>(\d+)<\/TTL><ResourceRecords>(.*?)<\/ResourceRecords>/g,
  )) {
    const key = `${zone} ${name}`;
    const values = [...records.matchAll(/<Value>([^<]*)<\/Value>/g)].map(([, value = '']) => value);
    const present = next.get(key);
    const isSame =
      present !== undefined &&
      present.ttl === ttl &&
      JSON.stringify(present.values) === JSON.stringify(values);
    if (action === 'DELETE' && !isSame)
      return batchRefusal(
        `Tried to delete resource record set [name='${name}', type='TXT'] but it was not found`,
      );
    if (action === 'CREATE' && present !== undefined)
      return batchRefusal(
        `Tried to create resource record set [name='${name}', type='TXT'] but it already exists`,
      );
    if (action === 'DELETE') next.delete(key);
    else next.set(key, { ttl, values });
  }
  sets.clear();
  for (const [key, set] of next) sets.set(key, set);
  return undefined;
}

/** As the service does it, from what came over the wire. */
function signatureProblem(call: ApiCall): ApiReply | undefined {
  const fields =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/us-east-1\/route53\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      call.headers.authorization ?? '',
    );
  const time = call.headers['x-amz-date'];
  if (fields === null || typeof time !== 'string')
    return refusal(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
  const [, key, day = '', names = '', signature] = fields;
  if (key !== accessKeyId)
    return refusal(
      403,
      'InvalidClientTokenId',
      'The security token included in the request is invalid.',
    );
  const at = Date.parse(
    time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (Math.abs(at - Date.now()) > 300_000)
    return refusal(
      403,
      'SignatureDoesNotMatch',
      `Signature expired: ${time} is now earlier than another time`,
    );
  const [path = '', query = ''] = call.target.split('?');
  const sortedQuery = query
    .split('&')
    .filter((pair) => pair !== '')
    .toSorted()
    .join('&');
  const headers = names
    .split(';')
    .map((name) => `${name}:${String(call.headers[name])}\n`)
    .join('');
  const canonical = [call.method, path, sortedQuery, headers, names, sha256(call.body)].join('\n');
  const scope = `${day}/us-east-1/route53/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`;
  const signing = scope
    .split('/')
    .reduce((secret: Buffer, part) => hmac(secret, part), Buffer.from(`AWS4${secretAccessKey}`));
  if (hmac(signing, toSign).toString('hex') === signature) return undefined;
  return refusal(
    403,
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided.',
  );
}

function changeInfo(id: string, status: string): string {
  return `<ChangeInfo><Id>/change/${id}</Id><Status>${status}</Status><SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo>`;
}

function xml(status: number, root: string, inside: string): ApiReply {
  const body = `<?xml version="1.0"?>\n<${root} xmlns="https://route53.amazonaws.com/doc/2013-04-01/">${inside}</${root}>`;
  return { status, headers: { 'content-type': 'text/xml' }, body };
}

function refusal(status: number, code: string, message: string): ApiReply {
  return xml(
    status,
    'ErrorResponse',
    `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId>`,
  );
}

function batchRefusal(message: string): ApiReply {
  return xml(
    400,
    'InvalidChangeBatch',
    `<Messages><Message>${message}</Message></Messages><RequestId>r</RequestId>`,
  );
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
