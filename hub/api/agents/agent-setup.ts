// The hub's address and a fresh enrolment token arrive; what somebody pastes at home leaves: one block for Docker, compose or systemd.

import { Buffer } from 'node:buffer';

export interface AgentSetup {
  /** Lines for the agent's environment, for whoever starts it in another way. */
  readonly env: string;
  readonly docker: string;
  readonly compose: string;
  readonly systemd: string;
}

const tokenName = 'PHLIX_HUB_ENROLLMENT_TOKEN';

/**
 * Each block is one command to a shell, pasted in the folder of Phlix Hub: what asks for a password in the middle takes none of its
 * lines for it. The token reaches a file by way of standard input, and never a command line, which every user of the machine can see.
 * Unit and compose file are those of `infra/`, not others beside them.
 */
export function agentSetup(variables: Readonly<Record<string, string>>): AgentSetup {
  const { [tokenName]: token = '', ...settings } = variables;
  return {
    env: linesOf(variables),
    docker: dockerBlock(settings, token),
    compose: composeBlock(settings, token),
    systemd: systemdBlock(settings, token),
  };
}

/** The environment's lines for a camera, as an image's address. */
export async function setupQr({ env }: Pick<AgentSetup, 'env'>): Promise<string> {
  const { toString: drawQr } = await import('qrcode');
  const drawing = await drawQr(env, { type: 'svg', errorCorrectionLevel: 'M', margin: 4 });
  return `data:image/svg+xml;base64,${Buffer.from(drawing).toString('base64')}`;
}

type Settings = Readonly<Record<string, string>>;

function linesOf(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** As words for a shell, each behind `option`. */
function wordsOf(option: string, settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `  ${option} '${`${name}=${value}`.replaceAll("'", `'\\''`)}' \\\n`)
    .join('');
}

/** No registry has the image: it is made where the program is. */
const image = 'docker build --tag phlix-agent --file Dockerfile.agent .';
/** Its owner's alone, for the token in it is open to the container's user. */
const folder = 'install -d -m 0700 ~/phlix-agent';

/** Whoever may ask Docker sees the environment of a container, and not what is in its files. */
function tokenFile(token: string): string {
  return `install -m 0444 /dev/stdin ~/phlix-agent/enrollment-token <<'END' &&\n${token}\nEND\n`;
}

// What infra/compose.agent.yaml says, in the words of docker run; a test holds one against the other.
function dockerBlock(settings: Settings, token: string): string {
  return `${image} &&
${folder} &&
${tokenFile(token)}docker run --detach --name phlix-agent --restart unless-stopped --network host \\
${wordsOf('--env', settings)}  --env ${tokenName}_FILE=/run/secrets/enrollment-token \\
  --volume ~/phlix-agent/enrollment-token:/run/secrets/enrollment-token:ro \\
  --volume phlix-agent:/var/lib/phlix-agent \\
  --read-only --tmpfs /tmp:mode=1777,size=16m --cap-drop ALL --security-opt no-new-privileges:true \\
  --stop-timeout 15 --log-driver json-file --log-opt max-size=10m --log-opt max-file=3 \\
  phlix-agent
`;
}

function composeBlock(settings: Settings, token: string): string {
  return `${image} &&
${folder} &&
cp infra/compose.agent.yaml ~/phlix-agent/compose.yaml &&
install -m 0600 /dev/stdin ~/phlix-agent/.env <<'END' &&
${linesOf(settings)}END
${tokenFile(token)}docker compose --file ~/phlix-agent/compose.yaml up --detach
`;
}

function systemdBlock(settings: Settings, token: string): string {
  return `npm ci && npm run build:agent &&
sudo sh infra/install.sh agent --no-start \\
${wordsOf('--set', settings).replace(/ \\\n$/, ' &&\n')}sudo install -m 0600 /dev/stdin /etc/phlix-agent/secrets/${tokenName} <<'END' &&
${token}
END
sudo sh infra/install.sh agent
`;
}
