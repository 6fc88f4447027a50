// An address to go back to arrives from a query; a path of this hub leaves, or `/` for whatever could lead elsewhere.

/** Letters that no path of ours lacks, and nothing that browsers take for the beginning of another host. */
const ownPath = /^\/(?![/\\])[\w\-./~?=&]*$/;

export function safeReturn(given: string | undefined): string {
  return given !== undefined && given.length <= 512 && ownPath.test(given) && !given.includes('..')
    ? given
    : '/';
}
