// A folder and a port arrive as arguments; the demo media server runs on loopback until it is told to stop.

import { prepareFilm } from './film.ts';
import { createDemoServer } from './server.ts';

const [folder, port] = process.argv.slice(2);
if (folder === undefined || port === undefined) {
  process.stderr.write('usage: node infra/quickstart/demo/main.ts FOLDER PORT\n');
  process.exit(64);
}

const stopping = new AbortController();
let stop = (): void => {
  // The film is not there yet; who makes it is told to stop as well.
  stopping.abort();
  process.exit(0);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop());
// By themselves a debugger that asks for no password, and the end.
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);

const server = createDemoServer(await prepareFilm(folder, say, stopping.signal));
server.on('error', (error) => {
  say(`cannot listen on port ${port}: ${error.message}`);
  process.exit(69);
});
server.listen(Number(port), '127.0.0.1', () => say(`listening on http://127.0.0.1:${port}`));

stop = () => {
  server.close();
  server.closeAllConnections();
};

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
