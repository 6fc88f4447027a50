// A question arrives; what the zones have to say about it leaves: records, their absence, or that it is none of our business.

import type { Question } from './request.ts';
import { classInternet, isMetaType, rcode, recordType } from './wire-codes.ts';
import type { AnswerableType, ResourceRecord, Zone } from './zone.ts';

export interface Answer {
  readonly rcode: number;
  /** AA: it comes from a zone of ours (RFC 1035 §4.1.1). */
  readonly isAuthoritative: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

/** The zones whose names these are; no two of them have the same name. */
export function answerFrom(zones: readonly Zone[], question: Question): Answer {
  const { name, type } = question;
  const zone = zoneOf(zones, question);
  // Neither a recursor nor a mirror, and not the one who tells its version in class CH: RFC 5358 §4, RFC 5936 §2.2.1.
  const isTransfer = type === recordType.AXFR || type === recordType.IXFR;
  if (zone === undefined || question.class !== classInternet || isTransfer)
    return bareAnswer(rcode.refused);
  if (type === recordType.OPT) return bareAnswer(rcode.formatError);
  if (isMetaType(type) && type !== recordType.ANY) return bareAnswer(rcode.notImplemented);
  if (!zone.exists(name)) return absent(zone, rcode.nameError);
  if (type === recordType.ANY) return found([refusalOfAny(name)]);
  const known = recordNames.get(type);
  const answers = known === undefined ? [] : zone.records(name, known);
  if (answers.length === 0) return absent(zone, rcode.noError);
  return found(answers, type === recordType.NS ? zone.glue() : []);
}

/** A result and nothing more, for what is not answered from a zone. */
export function bareAnswer(code: number): Answer {
  return { rcode: code, isAuthoritative: false, answers: [], authorities: [], additionals: [] };
}

const recordNames = new Map<number, AnswerableType>(
  (['A', 'AAAA', 'CAA', 'NS', 'SOA', 'TXT'] as const).map((name) => [recordType[name], name]),
);

/** The innermost. A DS record is the parent's word about its child (RFC 4035 §3.1.4.1), even where both are ours. */
function zoneOf(zones: readonly Zone[], { name, type }: Question): Zone | undefined {
  const holders = zones
    .filter((zone) => zone.has(name))
    .sort((one, other) => other.name.length - one.name.length);
  const [inner, outer] = holders;
  return type === recordType.DS && inner?.name === name ? (outer ?? inner) : inner;
}

/** RFC 8482 §4.2: all records of a name serve those who forge addresses, and nobody else. */
function refusalOfAny(owner: string): ResourceRecord {
  return { owner, type: 'HINFO', ttl: 3600, data: { cpu: 'RFC8482', os: '' } };
}

function found(
  answers: readonly ResourceRecord[],
  additionals: readonly ResourceRecord[] = [],
): Answer {
  return { rcode: rcode.noError, isAuthoritative: true, answers, authorities: [], additionals };
}

function absent(zone: Zone, code: number): Answer {
  return {
    rcode: code,
    isAuthoritative: true,
    answers: [],
    authorities: [zone.soa()],
    additionals: [],
  };
}
