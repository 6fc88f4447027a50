// The hub's address and a fresh enrolment token arrive; what somebody pastes at home leaves: for a shell, Docker, compose or systemd.

import { Buffer } from 'node:buffer';

export interface AgentSetup {
  /** Lines for the agent's environment. The one text here that holds the token. */
  readonly env: string;
  readonly docker: string;
  readonly compose: string;
  readonly systemd: string;
}

/** All of them read the token from a file, and never from a command line, which every user of the machine can see. */
export function agentSetup(variables: Readonly<Record<string, string>>): AgentSetup {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  return { env: lines.join(''), docker, compose, systemd };
}

/** The environment's lines for a camera, as an image's address. */
export async function setupQr({ env }: Pick<AgentSetup, 'env'>): Promise<string> {
  const { toString: drawQr } = await import('qrcode');
  const drawing = await drawQr(env, { type: 'svg', errorCorrectionLevel: 'M', margin: 4 });
  return `data:image/svg+xml;base64,${Buffer.from(drawing).toString('base64')}`;
}

const envFile = 'phlix-agent.env';

// In the host's network the media server is where it is for everybody else on the machine. The agent writes to its volume, and to nothing else.
const docker = `docker run --detach --name phlix-agent --restart unless-stopped \\
  --network host --env-file ${envFile} \\
  --volume phlix-agent:/var/lib/phlix-agent \\
  --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --stop-timeout 15 \\
  phlix-agent
`;

// The token's line goes into a file of its own: whoever may ask Docker sees the environment, and not that.
const compose = `# First, in this folder:
#   sed -n 's/^PHLIX_HUB_ENROLLMENT_TOKEN=//p' ${envFile} | install -m 0444 /dev/stdin enrollment-token
services:
  phlix-agent:
    image: phlix-agent
    restart: unless-stopped
    network_mode: host
    env_file: ${envFile}
    environment:
      PHLIX_HUB_ENROLLMENT_TOKEN: ""
      PHLIX_HUB_ENROLLMENT_TOKEN_FILE: /run/secrets/enrollment-token
    secrets: [enrollment-token]
    volumes:
      - phlix-agent:/var/lib/phlix-agent
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: 15s
secrets:
  enrollment-token:
    file: ./enrollment-token
volumes:
  phlix-agent:
`;

const systemd = `[Unit]
Description=Phlix agent
Wants=network-online.target
After=network-online.target

[Service]
WorkingDirectory=/opt/phlix-hub
EnvironmentFile=/etc/${envFile}
Environment=PHLIX_STATE_DIR=/var/lib/phlix-agent
ExecStart=/opt/phlix-hub/node_modules/.bin/node agent/main.ts
DynamicUser=yes
StateDirectory=phlix-agent
StateDirectoryMode=0700
NoNewPrivileges=yes
ProtectSystem=strict
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
`;
