// A folder arrives; a short film to play leaves, made once by ffmpeg, or the bundled clip where there is no ffmpeg.

import { spawn } from 'node:child_process';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Film {
  readonly mp4: string;
  /** Folder of the HLS variant; undefined for the bundled clip, which has none. */
  readonly hls: string | undefined;
  readonly seconds: number;
  readonly madeBy: 'ffmpeg' | 'the project';
}

/** The name carries the recipe's version: a new recipe makes a new film beside a cached old one. */
const folderName = 'film-1';
const filmSeconds = 60;
/** Two cores need 15 s. Whoever waits longer than this would rather have the small clip now. */
const deadlineMs = 90_000;

/**
 * A minute of falling into the Mandelbrot set: detail everywhere, so that the file has the size of a film and a seek is
 * seen at once. The timecode is cut from testsrc2, which draws it without needing any font.
 */
const recipe = [
  ['-f', 'lavfi', '-i', `mandelbrot=size=854x480:rate=24:maxiter=1000:end_pts=${filmSeconds * 24}`],
  ['-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=24:duration=${filmSeconds}`],
  ['-f', 'lavfi', '-i', `sine=frequency=220:beep_factor=4:duration=${filmSeconds}`],
  [
    '-filter_complex',
    [
      "[1:v]crop=100:17:2:2,format=gray,lut=y='if(gt(val,90),235,16)',scale=iw*3:ih*3:flags=neighbor[timecode]",
      '[0:v][timecode]overlay=x=(W-w)/2:y=H-h-24:shortest=1,format=yuv420p[picture]',
      '[2:a]volume=0.1[sound]',
    ].join(';'),
  ],
  ['-map', '[picture]', '-map', '[sound]', '-t', String(filmSeconds)],
  // A key frame every two seconds: a player lands near where the finger pointed.
  [
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    '-crf',
    '26',
    '-g',
    '48',
    '-c:a',
    'aac',
    '-b:a',
    '96k',
  ],
].flat();

/** Six seconds of the same picture, 320x180 and 60 KB: the README of infra says how it was made. */
const bundledClip: Film = {
  mp4: fileURLToPath(new URL('clip.mp4', import.meta.url)),
  hls: undefined,
  seconds: 6,
  madeBy: 'the project',
};

/** `say` gets one line for each step that takes a while. */
export async function prepareFilm(
  cache: string,
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<Film> {
  const folder = join(cache, folderName);
  const film: Film = {
    mp4: join(folder, 'film.mp4'),
    hls: join(folder, 'hls'),
    seconds: filmSeconds,
    madeBy: 'ffmpeg',
  };
  if (await exists(folder)) return film;
  try {
    await make(folder, say, signal);
    return film;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(`no film from ffmpeg (${reason}): the bundled clip plays instead`);
    return bundledClip;
  }
}

/** Works in a draft that is renamed when complete: an interrupted run leaves no half of a film behind. */
async function make(
  folder: string,
  say: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, 'hls'), { recursive: true });
  const mp4 = join(draft, 'film.mp4');
  await ffmpeg(['-version'], signal);
  say('ffmpeg makes a film of one minute, once');
  await ffmpeg([...recipe, '-movflags', '+faststart', mp4], signal);
  const segments = join(draft, 'hls', '%03d.m4s');
  const hls = ['-f', 'hls', '-hls_time', '4', '-hls_playlist_type', 'vod'];
  hls.push('-hls_segment_type', 'fmp4', '-hls_segment_filename', segments);
  const copy = ['-i', mp4, '-c', 'copy', ...hls, join(draft, 'hls', 'index.m3u8')];
  await ffmpeg(copy, signal);
  await rename(draft, folder);
}

function ffmpeg(args: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const child = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: deadlineMs,
    ...(signal && { signal, killSignal: 'SIGKILL' }),
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-500);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new Error('it is not installed') : error);
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(signal === null ? complaint.trim() : `not done in ${deadlineMs} ms`));
    });
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
