// A contender arrives; bytes per second that a visitor could send leave, and the processor time each of its programs took for a gigabyte.

import { measureTransfers, type CurlTransfer, type Throughput } from './throughput.ts';
import type { Certificate } from './certificate.ts';
import type { Contender } from './contender.ts';
import { endlessFile } from './origin.ts';

/** A file of zeros that has no end within the time, out of memory: a photo library that is synchronised. */
export function measureUpload(
  contender: Contender,
  { seconds, certificate }: { seconds: number; certificate: Certificate },
): Promise<Throughput> {
  const transfer: CurlTransfer = {
    port: contender.port,
    path: '/sink',
    seconds,
    certificate,
    // `Expect` would be a round trip that has nothing to do with the rate.
    arguments: ['--upload-file', endlessFile(), '--header', 'Expect:'],
    counts: { bytes: 'size_upload', from: 'time_pretransfer' },
  };
  return measureTransfers(contender, 1, transfer);
}
