// Nothing arrives; files of one certificate leave that hub and nginx serve alike, with the authority that clients trust.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { issueAuthority, issueLeaf } from '../../hub/certificates/issuance.ts';

export interface Certificate {
  readonly chainFile: string;
  readonly keyFile: string;
  readonly authorityFile: string;
}

const authorityDomains = ['hub.localhost', 'phlix.localhost'];
const names = ['hub.localhost', '*.phlix.localhost'];

export async function makeCertificate(folder: string): Promise<Certificate> {
  const authority = await issueAuthority(authorityDomains, new Date());
  const leaf = await issueLeaf(authority, names, new Date());
  const file = (name: string, text: string, mode = 0o644): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };
  return {
    chainFile: file('tls.crt', leaf.certificate),
    keyFile: file('tls.key', leaf.key, 0o600),
    authorityFile: file('authority.crt', authority.certificate),
  };
}
