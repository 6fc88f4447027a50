// An id as somebody typed it arrives; whether PostgreSQL would take it as a uuid leaves: it answers a malformed one with an error.

export function isUuid(text: string): boolean {
  return pattern.test(text);
}

const pattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
