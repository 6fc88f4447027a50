// A request to AWS and a key arrive; the header fields that sign it leave. AWS Signature Version 4; pure.

import { createHash, createHmac } from 'node:crypto';

import type { OutgoingRequest } from './http-api.ts';

export interface AwsKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
}

export interface AwsScope {
  readonly region: string;
  readonly service: string;
}

const algorithm = 'AWS4-HMAC-SHA256';

/** The `authorization` and `x-amz-*` fields; the request must go out with these and no other of that kind. */
export function signAws(
  request: OutgoingRequest,
  key: AwsKey,
  { region, service }: AwsScope,
  now: Date,
): Record<string, string> {
  const time = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const fields: Record<string, string> = { 'x-amz-date': time };
  if (key.sessionToken !== undefined) fields['x-amz-security-token'] = key.sessionToken;
  const { text, signedNames } = canonicalRequest(request, fields);
  const toSign = [algorithm, time, scope, sha256(text)].join('\n');
  const signature = hmac(signingKey(key.secretAccessKey, scope), toSign).toString('hex');
  const authorization = `${algorithm} Credential=${key.accessKeyId}/${scope}, SignedHeaders=${signedNames}, Signature=${signature}`;
  return { ...fields, authorization };
}

function canonicalRequest(
  { method, url, body }: OutgoingRequest,
  fields: Readonly<Record<string, string>>,
): { text: string; signedNames: string } {
  const signed = Object.entries({ ...fields, host: url.host }).toSorted(byName);
  const signedNames = signed.map(([name]) => name).join(';');
  const query = [...url.searchParams].map(
    ([name, value]) => [encode(name), encode(value)] as const,
  );
  const text = [
    method,
    // Every service but S3 encodes the path a second time.
    url.pathname.split('/').map(encode).join('/'),
    query
      .toSorted(byName)
      .map((pair) => pair.join('='))
      .join('&'),
    ...signed.map(([name, value]) => `${name}:${value.trim()}`),
    '',
    signedNames,
    sha256(body),
  ].join('\n');
  return { text, signedNames };
}

function signingKey(secret: string, scope: string): Buffer {
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const part of scope.split('/')) key = hmac(key, part);
  return key;
}

/** RFC 3986, which encodes more than encodeURIComponent. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function byName([one]: readonly [string, string], [other]: readonly [string, string]): number {
  return one < other ? -1 : 1;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
