// Where a browser wants to go after signing in arrives; a path of this hub leaves, and for whatever could be read as another place: the start (row A-06).

/**
 * A list of what our own addresses are made of, instead of one of what is dangerous: no percent, no backslash, no @, no colon,
 * no dot, no empty segment, so that no reader of it finds a host, a line break or a parent folder.
 */
const ownAddress =
  /^\/(?:[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*\/?)?(?:\?[A-Za-z0-9_=&-]*)?(?:#[A-Za-z0-9_=&-]*)?$/;
/** A server's page with its query has 60. */
const maxLength = 200;

export function safeReturnTo(text: string | undefined): string {
  return text !== undefined && text.length <= maxLength && ownAddress.test(text) ? text : '/';
}
