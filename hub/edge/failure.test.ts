import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { RecordingVisitor, visitorRequest } from '../../test/support/exchanges.ts';
import { MessageError } from '../../shared/http/field-section.ts';
import { EdgeError, failureCode } from './edge-error.ts';
import { answerFailure, edgeFailures } from './failure.ts';
import type { EdgeFailureCode, FailureDetail } from './failure.ts';

const codes = Object.keys(edgeFailures) as EdgeFailureCode[];

function answer(code: EdgeFailureCode, changes = {}, detail: FailureDetail = {}): RecordingVisitor {
  const visitor = new RecordingVisitor();
  answerFailure(visitor, visitorRequest(changes), code, detail);
  return visitor;
}

describe('a failure', () => {
  test.each(codes)('%s is problem+json for a program', (code) => {
    const visitor = answer(code);
    const failure = edgeFailures[code];
    expect(visitor.status).toBe(failure.status);
    expect(visitor.field('content-type')).toBe('application/problem+json');
    expect(visitor.field('content-length')).toBe(String(visitor.body.length));
    expect(JSON.parse(visitor.body)).toMatchObject({
      title: failure.title,
      status: failure.status,
      code,
      instance: 'urn:uuid:019a5b3c-0000-7000-8000-000000000001',
    });
    expect(visitor.outcome).toBe('ended');
  });

  test.each(codes)('%s is a page for a browser, with its code and the request id', (code) => {
    const visitor = answer(code, { wantsPage: true });
    expect(visitor.field('content-type')).toBe('text/html; charset=utf-8');
    expect(visitor.body).toContain(`<code>${code}</code>`);
    expect(visitor.body).toContain('019a5b3c-0000-7000-8000-000000000001');
    expect(visitor.body).toContain('<li class="bad">');
  });

  test('is never stored, and says when to come back where that helps', () => {
    expect(answer('tunnel.offline').field('cache-control')).toBe('no-store');
    expect(answer('tunnel.offline').field('retry-after')).toBe('10');
    expect(answer('tunnel.unknown').field('retry-after')).toBeUndefined();
    expect(answer('edge.method').field('allow')).toContain('GET');
  });

  test('has no body for HEAD, but its length', () => {
    const visitor = answer('tunnel.offline', { method: 'HEAD' });
    expect([visitor.body, visitor.outcome]).toEqual(['', 'ended']);
    expect(Number(visitor.field('content-length'))).toBeGreaterThan(100);
  });

  test('after the head of an answer only cuts it', () => {
    const visitor = new RecordingVisitor();
    visitor.head(200, []);
    answerFailure(visitor, visitorRequest(), 'origin.closed');
    expect([visitor.status, visitor.body, visitor.outcome]).toEqual([200, '', 'destroyed']);
  });

  test('may carry a sentence of its own', () => {
    expect(JSON.parse(answer('edge.bad-request', {}, { sentence: 'Because.' }).body).detail).toBe(
      'Because.',
    );
  });
});

describe('the page', () => {
  test('escapes whatever came from outside', () => {
    const hostile = `<svg onload="alert('1')">&`;
    const { body } = answer(
      'edge.bad-request',
      { wantsPage: true, hostname: hostile, id: hostile },
      { sentence: hostile },
    );
    expect(body).not.toContain('<svg');
    expect(body).not.toContain("'1'");
    expect(body.split('&lt;svg onload=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;')).toHaveLength(4);
  });

  test('allows its own style, by hash, and nothing else', () => {
    const visitor = answer('tunnel.offline', { wantsPage: true });
    const style = /<style>([^]*)<\/style>/.exec(visitor.body)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(visitor.field('content-security-policy')).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(visitor.body).not.toMatch(/<script|style=|https?:\/\//);
  });
});

test('an error means one failure; one that nobody foresaw is ours', () => {
  expect(failureCode(new EdgeError('edge.busy', 'x'))).toBe('edge.busy');
  expect(failureCode(new MessageError('http.malformed', 'x'))).toBe('origin.bad-response');
  expect(failureCode(new MessageError('http.too-large', 'x'))).toBe('origin.too-large');
  expect(failureCode(new MessageError('http.unsafe', 'x'))).toBe('edge.bad-request');
  expect(failureCode(new TypeError('x'))).toBe('edge.internal');
  expect(failureCode(undefined)).toBe('edge.internal');
});
