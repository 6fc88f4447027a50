// The bounds of everything a peer may send, each with the argument for its size.

/** Type, flags, length (u16), stream id (u32). */
export const frameHeaderBytes = 8;

/**
 * Payload of the largest data frame. Header and payload are 64 KiB - 16: with the WebSocket's own header (4 bytes, 8 when
 * masked) that ends just below four TLS records of 16 KiB, so no frame pays for a fifth.
 */
export const maxDataBytes = 64 * 1024 - 16 - frameHeaderBytes;

/** The same for slow lines: one TLS record, 6.5 ms at 20 Mbit/s, so a small request never waits for more than that. */
export const slowLineDataBytes = 16 * 1024 - 16 - frameHeaderBytes;

/** Challenge, hello, welcome and notice: names and addresses, never content. */
export const maxHandshakeBytes = 4 * 1024;
export const maxNoticeBytes = 4 * 1024;
/** A goaway carries its code and a sentence for a log. */
export const maxGoawayBytes = 4 + 256;
/** What an OPEN says of its stream (rule P29), with room for later versions. */
export const maxOpenBytes = 1024;
/** What an unknown, ignorable frame may carry before it is discarded. */
export const maxOptionalBytes = 16 * 1024;

/** Room in front of a slab's payload where the frame header is written, so that a frame leaves without a copy. */
export const slabHeadroomBytes = frameHeaderBytes;

/** What a stream may send before its first credit: 100 Mbit/s at 20 ms. Windows grow from here. */
export const initialStreamWindowBytes = 256 * 1024;
/** 1 Gbit/s at 130 ms: half the world away on a fibre. */
export const maxStreamWindowBytes = 16 * 1024 * 1024;
/** What the stream windows of one session, or of all links to a server, may grow by in sum: a reader that stops keeps his window's bytes in memory. */
export const windowGrowthBudgetBytes = 32 * 1024 * 1024;

export const minLinkWindowBytes = 64 * 1024;
export const maxLinkWindowBytes = 16 * 1024 * 1024;
/** An acknowledgement per 16 KiB: often enough for four samples in the smallest window, 0.1 % of the traffic. */
export const ackEveryBytes = 16 * 1024;
/** On a fast line an acknowledgement per frame would be a write per frame: a quarter of the hub's work. 1 ms at 1 Gbit/s. */
export const ackAtOnceBytes = 128 * 1024;

/** Links that one agent may hold at once. Two outlive any one of them; more than eight only share the same line. */
export const maxLinksPerAgent = 8;

/** An agent keeps the last seven changes of its key: a hub restored from a backup of months ago still finds one that it knows. */
export const maxKeysInSuccession = 8;

/** Streams of one session; DESIGN's 256 per tunnel is a setting of the edge, this is what memory is sized for. */
export const maxStreamsPerSession = 1024;
/** Control bytes waiting for the transport: a peer that makes us answer and never reads is cut here. */
export const maxQueuedControlBytes = 256 * 1024;
/**
 * Of all bytes waiting for the transport: a window that is not acknowledged, and another that was let in by acknowledgements
 * while a batch of writes is not done with its last byte. Beyond it somebody acknowledges what he never read.
 */
export const maxUnwrittenBytes = 2 * maxLinkWindowBytes + 1024 * 1024;
/** Ids are 32 bits and never used twice (rule P28): a session whose ids run out drains. */
export const maxStreamId = 0xffff_ffff;
