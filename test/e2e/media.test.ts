import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Nginx, startNginx } from '../bench/nginx.ts';
import { deploy, type Deployment } from '../support/deployment.ts';
import { hasParts, partPath } from '../support/parts.ts';
import { hasPrivateHosts, withPrivateHosts } from '../support/private-hosts.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const seconds = 12;
const framesPerSecond = 24;
const hasPrograms = hasParts('ffmpeg', 'nginx') && hasPrivateHosts();

let folder: string;
let nginx: Nginx;
let deployment: Deployment;

describe.skipIf(!hasPrograms)('ffmpeg through hub and agent', () => {
  beforeAll(async () => {
    folder = temporaryFolder('media').path;
    await makeFilm();
    nginx = await startNginx(folder, staticMedia);
    deployment = await deploy({ originPort: nginx.port });
  });

  afterAll(async () => {
    await deployment?.stop();
    await nginx?.program.stop();
  });

  test('without the local authority ffmpeg trusts nothing here', async () => {
    const strangers = ['-tls_verify', '1', `${deployment.address}/film.mp4`];
    await expect(probe(strangers)).rejects.toThrow('certificate');
  });

  test('ffprobe finds streams and length of an MP4 whose index is at its end', async () => {
    const told = await probe(remote('film.mp4'));
    expect(told).toEqual(await probe([join(folder, 'film.mp4')]));
    expect(told).toMatch(/codec_name=h264[^]*codec_name=aac[^]*duration=12\./);
    // The head of the file, then its index, without the film in between.
    expect(requestsFor('film.mp4').map(([status]) => status)).toContain('206');
  });

  test('every frame of the MP4 is the one that was sent', async () => {
    const frames = await decode(remote('film.mp4'));
    expect(frames).toEqual(await decode([join(folder, 'film.mp4')]));
    expect(pictures(frames)).toHaveLength(seconds * framesPerSecond);
  });

  test('after a seek to the middle the frames are those of the middle', async () => {
    const seek = ['-ss', String(seconds / 2)];
    const frames = await decode([...seek, ...remote('film.mp4')]);
    expect(frames).toEqual(await decode([...seek, join(folder, 'film.mp4')]));
    expect(pictures(frames)).toHaveLength((seconds / 2) * framesPerSecond);
  });

  test('HLS plays from its playlist to its last segment', async () => {
    const frames = await decode(remote('film.m3u8'));
    expect(frames).toEqual(await decode([join(folder, 'film.m3u8')]));
    expect(pictures(frames)).toHaveLength(seconds * framesPerSecond);
    const segments = new Set(requestsFor('segment').map(([, path]) => path));
    expect(segments.size).toBe(seconds / 2);
  });
});

/** Each input as ffmpeg takes it: its options, then its address. */
type Input = readonly string[];

/** ffmpeg checks no certificate unless it is told to; for segments of a playlist it cannot be told (5.1). */
function remote(file: string): Input {
  return ['-tls_verify', '1', '-ca_file', deployment.hub.caFile, `${deployment.address}/${file}`];
}

/** One line per decoded frame with the MD5 of its pixels or samples. */
async function decode(input: Input): Promise<string[]> {
  const options = input.slice(0, -1);
  const output = await ffmpeg('ffmpeg', [
    ...words('-nostdin -v error'),
    ...options,
    '-i',
    input.at(-1) ?? '',
    ...words('-map 0 -f framemd5 -'),
  ]);
  return output.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function pictures(frames: readonly string[]): string[] {
  return frames.filter((line) => line.startsWith('0,'));
}

async function probe(input: Input): Promise<string> {
  return ffmpeg('ffprobe', ['-v', 'error', '-show_streams', ...input]);
}

async function ffmpeg(program: 'ffmpeg' | 'ffprobe', args: readonly string[]): Promise<string> {
  const path = partPath('ffmpeg').replace(/ffmpeg$/, program);
  const { hostname } = new URL(deployment?.address ?? 'https://localhost');
  const [file, ...rest] = withPrivateHosts([hostname], path, ...args);
  const { stdout } = await promisify(execFile)(file, rest, { timeout: 60_000, maxBuffer: 2 ** 24 });
  return stdout;
}

function words(line: string): string[] {
  return line.split(' ');
}

/** H.264 and AAC as players get them; the index stays at the end, so that reading it takes a range. */
async function makeFilm(): Promise<void> {
  const picture = `testsrc2=size=640x360:rate=${framesPerSecond}:duration=${seconds}`;
  const sound = `sine=frequency=440:duration=${seconds}`;
  const film = join(folder, 'film.mp4');
  await ffmpeg('ffmpeg', [
    ...words('-nostdin -v error -f lavfi -i'),
    picture,
    ...words('-f lavfi -i'),
    sound,
    ...words('-c:v libx264 -preset ultrafast -b:v 4M -pix_fmt yuv420p'),
    '-g',
    String(2 * framesPerSecond),
    ...words('-c:a aac'),
    film,
  ]);
  await ffmpeg('ffmpeg', [
    ...words('-nostdin -v error -i'),
    film,
    ...words('-c copy -f hls -hls_time 2'),
    ...words('-hls_playlist_type vod -hls_segment_filename'),
    join(folder, 'segment%d.ts'),
    join(folder, 'film.m3u8'),
  ]);
}

function staticMedia(port: number): string {
  return `
  types { video/mp4 mp4; application/vnd.apple.mpegurl m3u8; video/mp2t ts; }
  log_format asked '$status $uri';
  sendfile on;
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    access_log ${join(folder, 'asked.log')} asked;
  }`;
}

/** [status, path] of what nginx was asked for, as it finished. */
function requestsFor(word: string): string[][] {
  const lines = readFileSync(join(folder, 'asked.log'), 'utf8').split('\n');
  return lines.map((line) => line.split(' ')).filter(([, path]) => path?.includes(word));
}
