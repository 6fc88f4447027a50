// One exchange of a visitor as the edge counts it arrives; what people may know of it leaves. Counting is an addition to a number.

/** What a visitor's exchange turned out to carry, by the type of its content. */
export type StreamKind = 'page' | 'video' | 'audio' | 'image' | 'socket' | 'file';

/** What the path is for. Of the path itself nothing is kept: it names films, and people. */
export type PathClass = 'playback' | 'image' | 'api' | 'web' | 'socket' | 'other';

/**
 * Where the bytes wait. `viewer`: his device or his line takes no more. `line`: the home's line is full. `agent`: bytes lie
 * at the agent although the line has room for them. `origin`: the media server sends or takes no more. `limit`: the rate that
 * its owner or the operator set.
 */
export type LimitedBy = 'viewer' | 'line' | 'agent' | 'origin' | 'limit';

/** What is shown of a stream that runs. */
export interface LiveStream {
  /** The request's id, as error pages and the origin know it. */
  readonly id: string;
  readonly serverId: string;
  readonly since: Date;
  /** Of the visitor; undefined when a trusted proxy does not say. */
  readonly address: string | undefined;
  /** `Jellyfin Web`, `Infuse`, `Firefox`: from a list, never the visitor's own words. */
  readonly app: string;
  /** Undefined until the server has answered. */
  readonly kind: StreamKind | undefined;
  readonly path: PathClass;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Over the last seconds, both ways together. */
  readonly bitsPerSecond: number;
  /** Undefined while it is too young to tell, or moves nothing that anybody waits for. */
  readonly limitedBy: LimitedBy | undefined;
}
