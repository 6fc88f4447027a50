// A request and the head of its response arrive; how to ask for the bytes that a visitor still lacks leaves, and whether an answer is exactly those. Pure.

import type { BodyFraming } from '../../../shared/http/body.ts';
import type { ResponseHead } from '../../../shared/http/head.ts';
import { listedNames } from '../../../shared/http/hop-by-hop.ts';
import { parseContentRange, type ContentRange } from './content-range.ts';
import { onlyValue, strongValidator, valuesOf, type StrongValidator } from './strong-validator.ts';
import type { FieldLines, VisitorRequest } from '../visitor.ts';

/** Why an answer is not the rest of a response. */
export type RestRefusal =
  /** Another status than 206: the origin ignores ranges, or what it has now is something else. */
  | 'not-partial'
  /** The file was replaced, or the origin does not say that it was not. */
  | 'validator'
  /** Not the bytes that were asked for, or not of the same whole. */
  | 'range'
  /** Another type or coding: the same tag can name a compressed twin at origins that make no difference. */
  | 'representation';

/** A body that is on its way to a visitor, of which any part can be asked for again. */
export class ResumableBody {
  readonly #fields: FieldLines;
  readonly #validator: StrongValidator;
  readonly #whole: ContentRange;
  /** Of the first byte that the visitor lacks, in the complete representation. */
  readonly offset: number;

  /**
   * `deliveredBytes`: how many the visitor has. Undefined when it has all of them, and when a second answer could not be
   * held against the first.
   */
  static of(
    request: Pick<VisitorRequest, 'method' | 'body' | 'fields'>,
    head: ResponseHead,
    framing: BodyFraming,
    deliveredBytes = 0,
  ): ResumableBody | undefined {
    if (request.method !== 'GET' || request.body !== undefined) return undefined;
    const whole = promisedBytes(request.fields, head, framing);
    const validator = strongValidator(head.fields);
    if (whole === undefined || validator === undefined) return undefined;
    if (listedNames(head.fields, 'accept-ranges').has('none')) return undefined;
    // What chose this representation is not known, so nobody can ask for it again (RFC 9110 §12.5.5).
    if (listedNames(head.fields, 'vary').has('*')) return undefined;
    const offset = whole.first + deliveredBytes;
    if (offset > whole.last) return undefined;
    return new ResumableBody(head.fields, validator, whole, offset);
  }

  private constructor(
    fields: FieldLines,
    validator: StrongValidator,
    whole: ContentRange,
    offset: number,
  ) {
    this.#fields = fields;
    this.#validator = validator;
    this.#whole = whole;
    this.offset = offset;
  }

  /** The fields of a request for what is missing. The visitor's own conditions have been met: ours stands in their place. */
  requestFields(fields: FieldLines): FieldLines {
    const kept: string[] = [];
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      if (!conditional.has(name)) kept.push(name, fields[i + 1] as string);
    }
    const range = `bytes=${this.offset}-${this.#whole.last}`;
    return [...kept, 'range', range, 'if-range', this.#validator.value];
  }

  /** Undefined: what follows this head is exactly what is missing. */
  refusalOf(head: ResponseHead, framing: BodyFraming): RestRefusal | undefined {
    if (head.status !== 206) return 'not-partial';
    if (!this.#isSameVersion(head.fields)) return 'validator';
    if (!this.#isSameRepresentation(head.fields)) return 'representation';
    return this.#isRest(head.fields, framing) ? undefined : 'range';
  }

  /** A date that changed under an unchanged tag proves nothing, but such a tag is not to be believed. */
  #isSameVersion(fields: FieldLines): boolean {
    const { name, value } = this.#validator;
    if (onlyValue(fields, name) !== value) return false;
    // A tag that was kept over a change, by a server that knows better in another field.
    if (digests.some((digest) => this.#isOther(fields, digest))) return false;
    const dates = valuesOf(fields, 'last-modified');
    if (name === 'last-modified') return valuesOf(fields, 'etag').length === 0;
    const [before] = valuesOf(this.#fields, 'last-modified');
    return before === undefined || dates.every((date) => date === before);
  }

  #isOther(fields: FieldLines, name: string): boolean {
    const [before, now] = [valuesOf(this.#fields, name), valuesOf(fields, name)];
    return before.length > 0 && now.length > 0 && before.join(', ') !== now.join(', ');
  }

  /** A 206 to If-Range may leave the type out (RFC 9110 §15.3.7); a coding that is left out is how a plain twin looks. */
  #isSameRepresentation(fields: FieldLines): boolean {
    if (joined(fields, 'content-encoding') !== joined(this.#fields, 'content-encoding'))
      return false;
    const type = joined(fields, 'content-type');
    if (type.startsWith('multipart/byteranges')) return false;
    return type === '' || type === joined(this.#fields, 'content-type');
  }

  #isRest(fields: FieldLines, framing: BodyFraming): boolean {
    const range = parseContentRange(onlyValue(fields, 'content-range') ?? '');
    if (range === undefined) return false;
    const { last, completeLength } = this.#whole;
    return (
      range.first === this.offset &&
      range.last === last &&
      (completeLength === undefined || range.completeLength === completeLength) &&
      framing === last - this.offset + 1
    );
  }
}

/** Checksums of the complete representation, whatever part is sent (RFC 9530 §3, and RFC 3230 before it). */
const digests: readonly string[] = ['repr-digest', 'digest'];

/** What a visitor asked of his own copy; a second request must not be judged by it. */
const conditional: ReadonlySet<string> = new Set([
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
]);

/** Which bytes of the complete representation the head promises, when it says so beyond doubt. */
function promisedBytes(
  asked: FieldLines,
  { status, fields }: ResponseHead,
  framing: BodyFraming,
): ContentRange | undefined {
  if (typeof framing !== 'number' || framing === 0) return undefined;
  if (status === 200) return { first: 0, last: framing - 1, completeLength: framing };
  if (status !== 206 || valuesOf(asked, 'range').length === 0) return undefined;
  const range = parseContentRange(onlyValue(fields, 'content-range') ?? '');
  const isConsistent = range !== undefined && range.last - range.first + 1 === framing;
  const isMultipart = joined(fields, 'content-type').startsWith('multipart/');
  return isConsistent && !isMultipart ? range : undefined;
}

function joined(fields: FieldLines, name: string): string {
  return valuesOf(fields, name).join(', ').toLowerCase();
}
