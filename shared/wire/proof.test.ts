import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { connectProof, enrolmentProof, exporterBytes, exporterLabel, nonceBytes } from './proof.ts';

const nonce = Buffer.alloc(nonceBytes, 0xaa);
const exporter = Buffer.alloc(exporterBytes, 0xbb);

it('a connect signs every part of P11 behind its length', () => {
  const claim = { hubHost: 'hub.tv', agentId: 'abc', nonce, exporter, protocolVersion: 0x0102 };
  expect(connectProof(claim).toString('hex')).toBe(
    `000f${Buffer.from('phlix-tunnel-v1').toString('hex')}` +
      `00066875622e7476` +
      `0003616263` +
      `0020${'aa'.repeat(32)}` +
      `0020${'bb'.repeat(32)}` +
      `00020102`,
  );
});

it('an enrolment signs another purpose, and the token', () => {
  const claim = { hubHost: 'hub.tv', tokenId: 'Ab3dEf9h', nonce, exporter };
  expect(enrolmentProof(claim).toString('hex')).toBe(
    `000e${Buffer.from('phlix-enrol-v1').toString('hex')}` +
      `00066875622e7476` +
      `0008${Buffer.from('Ab3dEf9h').toString('hex')}` +
      `0020${'aa'.repeat(32)}` +
      `0020${'bb'.repeat(32)}`,
  );
});

it('no part can lend a byte to its neighbour', () => {
  const base = { nonce, exporter, protocolVersion: 1 };
  const one = connectProof({ ...base, hubHost: 'hub.a', agentId: 'bc' });
  const other = connectProof({ ...base, hubHost: 'hub.ab', agentId: 'c' });
  expect(one.equals(other)).toBe(false);
});

it('names outside ASCII are measured in bytes', () => {
  const proof = enrolmentProof({ hubHost: 'hüb', tokenId: '', nonce, exporter });
  expect(proof.toString('hex')).toContain('000468c3bc6200000020');
});

it('the channel binding is that of RFC 9266', () => {
  expect([exporterLabel, exporterBytes, nonceBytes]).toEqual(['EXPORTER-Channel-Binding', 32, 32]);
});
