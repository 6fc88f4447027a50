// TXT records arrive; a name server of the operator's own (BIND, Knot, PowerDNS, Windows) takes them as dynamic updates (RFC 2136).

import type { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';

import { DnsError } from './failure.ts';
import { encodeUpdate, type UpdateKind } from './message.ts';
import type { DnsProvider, TxtRecord } from './provider.ts';
import type { Rfc2136Settings, TsigKey } from './provider-settings.ts';
import { ask, describeServer, exchangeOverTcp, plainName } from './query.ts';
import {
  checkAnswer,
  secretBytes,
  signMessage,
  tsigErrors,
  type SignedMessage,
  type TsigAnswer,
} from './tsig.ts';
import { candidateZones } from './zone-name.ts';

/** Long enough for every resolver to share one answer, short enough not to outlive a renewal. */
const ttlSeconds = 60;
/** A primary writes its journal before it answers. */
const answerTimeoutMs = 15_000;

export class Rfc2136 implements DnsProvider {
  readonly name = 'rfc2136';
  readonly #settings: Rfc2136Settings;
  readonly #now: () => Date;

  /** @throws DnsError `dns.misconfigured` */
  constructor(settings: Rfc2136Settings, now: () => Date = () => new Date()) {
    if (settings.key !== undefined) secretBytes(settings.key);
    this.#settings = settings;
    this.#now = now;
  }

  async add(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#update('add', record, signal);
  }

  async remove(record: TxtRecord, signal: AbortSignal): Promise<void> {
    await this.#update('remove', record, signal);
  }

  async #update(kind: UpdateKind, record: TxtRecord, signal: AbortSignal): Promise<void> {
    const { server, key } = this.#settings;
    const zone = await this.#zoneOf(record.name, signal);
    const id = randomInt(65_536);
    const message = encodeUpdate(id, zone, kind, record, ttlSeconds);
    // Over TCP only: a signed update is as long as a datagram may be, and must not be repeated by chance.
    if (key === undefined) {
      const answer = await exchangeOverTcp(server, message, answerTimeoutMs, signal);
      this.#judge(this.#rcodeOf(answer, id), undefined, zone, record);
      return;
    }
    const request = signMessage(message, key, this.#now());
    const answer = await exchangeOverTcp(server, request.bytes, answerTimeoutMs, signal);
    this.#judge(this.#rcodeOf(answer, id), this.#read(answer, key, request), zone, record);
  }

  async #zoneOf(name: string, signal: AbortSignal): Promise<string> {
    const { server, zone } = this.#settings;
    const place = describeServer(server);
    if (zone !== undefined) {
      if (name === plainName(zone) || name.endsWith(`.${plainName(zone)}`)) return zone;
      const message = `${name} is not in ${zone}, the zone of the settings: set the right zone, or none, or point the name into it by CNAME.`;
      throw new DnsError('dns.zone-unknown', message);
    }
    for (const candidate of [...candidateZones(name), name.split('.').at(-1) ?? '']) {
      const question = { name: candidate, type: 'SOA', isRecursive: false } as const;
      const { isAuthoritative, answers } = await ask(server, question, signal);
      const soa = answers.find((answer) => answer.type === 'SOA');
      if (isAuthoritative && soa !== undefined) return plainName(soa.name);
    }
    const message = `The name server ${place} holds no zone for ${name}: check the server's address, or set the zone if it hides it from questions without a key.`;
    throw new DnsError('dns.zone-unknown', message);
  }

  #rcodeOf(answer: Buffer, id: number): number {
    const isOurs =
      answer.length >= 12 && answer.readUInt16BE(0) === id && (answer.readUInt8(2) & 0xf8) === 0xa8;
    if (isOurs) return answer.readUInt8(3) & 0x0f;
    throw this.#badAnswer('sent no answer to the update');
  }

  #read(answer: Buffer, key: TsigKey, request: SignedMessage): TsigAnswer | undefined {
    try {
      return checkAnswer(answer, key, request, this.#now());
    } catch (cause) {
      throw this.#badAnswer('sent an answer that cannot be read', { cause });
    }
  }

  #judge(rcode: number, tsig: TsigAnswer | undefined, zone: string, record: TxtRecord): void {
    if (tsig !== undefined && tsig.error !== 0) throw this.#signatureError(tsig);
    if (rcode !== 0) throw this.#refusal(rcode, zone, record);
    if (this.#settings.key !== undefined && tsig?.isGenuine !== true) {
      throw this.#badAnswer(
        'sent an answer that was not signed with the key, or was changed on the way',
      );
    }
  }

  #signatureError({ error, serverTime }: TsigAnswer): DnsError {
    const place = describeServer(this.#settings.server);
    const { name = '', algorithm = '' } = this.#settings.key ?? {};
    switch (error) {
      case tsigErrors.badTime: {
        const theirs = serverTime?.toISOString() ?? 'another time';
        const message = `The clocks of the hub (${this.#now().toISOString()}) and of the name server ${place} (${theirs}) differ by more than five minutes: set both by NTP.`;
        return new DnsError('dns.clock', message);
      }
      case tsigErrors.badKey: {
        const message = `The name server ${place} has no key "${name}" with ${algorithm}: check the key's name and algorithm against its "key" clause.`;
        return new DnsError('dns.unauthorised', message);
      }
      case tsigErrors.badSignature: {
        const message = `The name server ${place} has another secret for the key "${name}": copy it again from its "key" clause.`;
        return new DnsError('dns.unauthorised', message);
      }
      default: {
        const message = `The name server ${place} does not take the signature (TSIG error ${error}).`;
        return new DnsError('dns.unauthorised', message);
      }
    }
  }

  #refusal(rcode: number, zone: string, record: TxtRecord): DnsError {
    const place = describeServer(this.#settings.server);
    const key = this.#settings.key?.name;
    switch (rcode) {
      case 5: {
        const whom = key === undefined ? "the hub's address" : `key "${key}"`;
        const remedy =
          key === undefined
            ? `give the hub a TSIG key, or the server "allow-update { <the hub's address>; };" for ${zone}`
            : `add "grant ${key} name ${record.name}. TXT;" to the update-policy of ${zone}`;
        const message = `The name server ${place} does not let ${whom} change TXT records at ${record.name} (REFUSED): ${remedy}.`;
        return new DnsError('dns.forbidden', message);
      }
      case 9:
      case 10: {
        const message = `The name server ${place} is not the primary of ${zone} (${rcode === 9 ? 'NOTAUTH' : 'NOTZONE'}): set the server where the zone is edited, and the zone's exact name.`;
        return new DnsError('dns.zone-unknown', message);
      }
      case 2: {
        const message = `The name server ${place} failed at the update of ${zone} (SERVFAIL): its log says why; often it may not write its journal beside the zone file.`;
        return new DnsError('dns.rejected', message);
      }
      case 4: {
        const message = `The name server ${place} knows no dynamic updates (NOTIMP): choose another way to write its records.`;
        return new DnsError('dns.rejected', message);
      }
      default: {
        const message = `The name server ${place} refused the update of ${zone} (RCODE ${rcode}): its log says why.`;
        return new DnsError('dns.rejected', message);
      }
    }
  }

  #badAnswer(what: string, options?: ErrorOptions): DnsError {
    const place = describeServer(this.#settings.server);
    const message = `The name server ${place} ${what}: check the server's address and what stands between.`;
    return new DnsError('dns.bad-answer', message, options);
  }
}
