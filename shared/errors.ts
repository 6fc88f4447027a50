// A failure with a stable code arrives here; every layer's error class derives from CodedError, so callers compare `code` and never the message.

/** Base of every error that crosses a folder. `code` is `area.reason`, stable, explained in infra/guides/troubleshooting.md. */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** What can be wrong with the peer's bytes. Each ends the session with a goaway (PROTOCOL.md, rule P40). */
export type ProtocolErrorCode =
  | 'protocol.malformed'
  | 'protocol.too-large'
  | 'protocol.unknown-type'
  | 'protocol.stream-id'
  | 'protocol.stream-state'
  | 'protocol.flow-control'
  | 'protocol.handshake';

/** The only thing that hostile bytes can make the tunnel throw. */
export class ProtocolError extends CodedError<ProtocolErrorCode> {}
