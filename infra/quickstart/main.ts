// `npm run quickstart`: one command arrives, and a hub, an agent and a film run on this machine until Ctrl-C.

import type { Child } from './child.ts';
import { ChildFailure, Children } from './children.ts';
import { choosePorts, explainPorts, keepPorts, openPlace, type Place } from './place.ts';
import { isListening } from './ports.ts';
import {
  agent,
  agentSocket,
  agentStatus,
  caPath,
  createToken,
  hub,
  hubUrl,
  isEnrolled,
  mediaServer,
  originPort,
  setupToken,
  usesProxy,
} from './programs.ts';
import { example, failure, paragraph, shellWord, step, title } from './screen.ts';
import { visit } from './visit.ts';

const children = new Children();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (children.isStopping) children.kill();
    else void stop(0);
  });
}

// By themselves a debugger that asks for no password, and the end of this program alone.
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);

try {
  await run();
} catch (error) {
  if (!children.isStopping) {
    report(error);
    await stop(1);
  }
}

async function run(): Promise<never> {
  title('Phlix Hub: a film through the tunnel, on this machine only');
  const place = openPlace(process.env);
  step('data', place.folder);
  if (await isListening(agentSocket(place))) {
    throw new Error('A quickstart runs with this data already: stop that one with Ctrl-C first.');
  }
  const ports = await choosePorts(place);
  for (const line of explainPorts(ports)) step('port', line);

  // The film is made while the hub starts: each takes its seconds.
  const demo = (await isListening(originPort)) ? undefined : children.start(mediaServer(place));
  step('hub', 'starts, with a PostgreSQL and a certificate authority of its own');
  const hubChild = children.start(hub(place, ports));
  for (const port of [ports.https, ports.tunnel]) {
    await children.until(hubChild, () => isListening(port));
  }
  keepPorts(place, ports);
  step('hub', `ready at ${hubUrl(ports)}`);

  const token = isEnrolled(place) ? undefined : await createToken(place, ports, children.stopping);
  step('agent', token === undefined ? 'is known to the hub' : 'enrols with a token of one use');
  const agentChild = children.start(agent(place, ports, token));
  const address = await children.until(agentChild, async () => {
    const status = await agentStatus(place, children.stopping);
    return status?.state === 'connected' && status.addresses[0];
  });
  step('agent', 'connected');

  await announceMedia(demo);
  const answer = await children.until(agentChild, async () => {
    const visited = await visit(address, caPath(place));
    // The demo may need another moment; what was there before is not ours to wait for.
    const isFinal = demo === undefined && visited.failure?.startsWith('origin.');
    return (visited.failure === undefined || isFinal) && visited;
  });
  if (answer.failure === undefined) {
    step('visitor', `asked through the tunnel, and was answered ${answer.status}`);
  } else {
    step('visitor', `came through the tunnel, but port ${originPort} does not answer like a web`);
    step('', `server (${answer.failure}): stop what listens there to see the demo`);
  }
  explain(`${address}/`, place, demo === undefined ? '' : 'api/film');
  explainPages(place, hubUrl(ports));
  paragraph(
    `Data and logs stay in ${place.folder};`,
    'the next run goes on with them, and whoever deletes the folder begins anew.',
    'Ctrl-C stops everything.',
  );
  return children.watch();
}

async function announceMedia(demo: Child | undefined): Promise<void> {
  if (demo === undefined) {
    step('media', `what listens on port ${originPort} already`);
    return;
  }
  step('media', 'nothing listens on port 8096: a demo makes itself a film, once');
  await children.until(demo, () => isListening(originPort));
  step('media', `demo ready at http://127.0.0.1:${originPort}`);
}

function explain(address: string, place: Place, path: string): void {
  title('It runs. Open this in a browser on this machine:');
  example(address);
  paragraph('or ask from a shell:');
  const direct = usesProxy(process.env) ? `--noproxy '*' ` : '';
  example(`curl ${direct}--cacert ${shellWord(caPath(place))} ${address}${path}`);
  paragraph(
    'A browser will warn that it does not know who vouches for the certificate: the hub made an',
    'authority of its own, for these names only. Go on past the warning, or let this machine trust it:',
  );
  example(`HUB_DATA_DIR=${shellWord(place.hubData)} npx phlix-hub local-ca trust`);
}

/** Until somebody is admin, the token lies where only the owner of the data can read it. */
function explainPages(place: Place, url: string): void {
  const token = setupToken(place);
  if (token === undefined) {
    paragraph('The hub has pages of its own, for servers and people:');
    return example(url);
  }
  paragraph('The hub has pages of its own. Become its admin, once, with a passkey or a password:');
  return example(`${url}/setup#${token}`);
}

function report(error: unknown): void {
  if (!(error instanceof ChildFailure)) {
    failure(error instanceof Error ? error.message : String(error), []);
    return;
  }
  const { child, message } = error;
  failure(`${message}. The end of ${child.logFile}:`, child.lastLines(12));
  paragraph(
    'Mend what it names and start again. Where it names nothing, begin with an empty data folder;',
    'if that does not help either, it is a bug, and the log belongs in its report.',
  );
}

async function stop(exitCode: number): Promise<void> {
  if (exitCode === 0) paragraph('Stopping.');
  await children.stop();
  if (exitCode === 0) {
    // The database sees its hub end, and does at its next start what it does after a power cut.
    const killed = 'Stopped at once; the database follows in a second.';
    paragraph(children.wereKilled ? killed : 'Stopped; nothing is left running.', '');
  }
  process.exit(exitCode);
}
