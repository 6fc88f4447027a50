// A password arrives; its Argon2id hash leaves as a PHC string, or whether it is the one that a string was made from (row A-01).

import { Buffer } from 'node:buffer';
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';

export interface Argon2Cost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** The least that OWASP's cheat sheet names: 30 ms of one core. More would let a flood of sign-ins take the hub's cores from films. */
export const usualCost: Argon2Cost = { memoryKib: 19_456, passes: 2, parallelism: 1 };

const saltBytes = 16;
const tagBytes = 32;
/** RFC 9106 §3.1: 0x13. */
const version = 19;

/** `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`. */
export async function hashPassword(password: string, cost: Argon2Cost): Promise<string> {
  const salt = randomBytes(saltBytes);
  const tag = await derive(password, { cost, salt, tagLength: tagBytes });
  const { memoryKib, passes, parallelism } = cost;
  const parameters = `m=${memoryKib},t=${passes},p=${parallelism}`;
  return `$argon2id$v=${version}$${parameters}$${base64(salt)}$${base64(tag)}`;
}

export async function isPassword(password: string, phc: string): Promise<boolean> {
  const parsed = parse(phc);
  if (parsed === undefined) return false;
  const { cost, salt, tag } = parsed;
  return timingSafeEqual(await derive(password, { cost, salt, tagLength: tag.length }), tag);
}

/** Made with other numbers than these, or by something else. */
export function isOutdated(phc: string, cost: Argon2Cost): boolean {
  const made = parse(phc)?.cost;
  return (
    made?.memoryKib !== cost.memoryKib ||
    made.passes !== cost.passes ||
    made.parallelism !== cost.parallelism
  );
}

const phcPattern =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{16,128})$/;

function parse(phc: string): { cost: Argon2Cost; salt: Buffer; tag: Buffer } | undefined {
  const match = phcPattern.exec(phc);
  if (match === null) return undefined;
  const [, memory, passes, parallelism, salt = '', tag = ''] = match;
  return {
    cost: {
      memoryKib: Number(memory),
      passes: Number(passes),
      parallelism: Number(parallelism),
    },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}

async function derive(
  password: string,
  { cost, salt, tagLength }: { cost: Argon2Cost; salt: Buffer; tagLength: number },
): Promise<Buffer> {
  const parameters = {
    message: password,
    nonce: salt,
    parallelism: cost.parallelism,
    memory: cost.memoryKib,
    passes: cost.passes,
    tagLength,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, tag) => {
      if (error === null) resolve(tag);
      else reject(error);
    });
  });
}

/** The PHC string format writes base64 without padding. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
