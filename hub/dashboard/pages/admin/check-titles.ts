// The name of one of the doctor's checks arrives; what people call it leaves.

/** Of a check of an agent, whose ways and clock are others than the hub's. */
export function agentCheckTitle(check: string): string {
  return Object.hasOwn(agentTitles, check) ? (agentTitles[check] ?? check) : checkTitle(check);
}

/** Of a check without a title its own name is shown: a page must not hide what a newer doctor found. */
export function checkTitle(check: string): string {
  return Object.hasOwn(titles, check) ? (titles[check] ?? check) : check;
}

const titles: Readonly<Record<string, string>> = {
  'hub.running': 'The hub',
  'reach.https': 'The way to this hub',
  'reach.tunnel': 'The way of agents',
  'reach.http': 'Addresses without https://',
  'tls.interception': 'TLS from end to end',
  'port.https': 'Port of visitors',
  'port.http': 'Port of redirects',
  'port.tunnel': 'Port of agents',
  'bind.addresses': 'Doors of this process',
  'dns.hub': 'Name of the hub',
  'dns.wildcard': 'Names of servers',
  'tls.certificate': 'Certificates',
  'tls.names': 'Names in the certificates',
  'clock.authority': 'Clock, beside the authority',
  'clock.offset': 'Clock, beside the database',
  'database.reachable': 'Database',
  'database.schema': 'Tables',
  'config.permissions': 'Files with secrets',
  'config.data-folder': 'Data folder',
  'config.secrets': 'Secrets',
  'config.same-site': 'Hub and servers apart',
  'config.admin-door': 'Door of admins',
  'config.user': 'User of the hub',
  'config.proxies': 'Trusted proxies',
  'disk.space': 'Disk',
  'backup.age': 'Backup',
  'software.versions': 'Software',
  'software.feed': 'List of holes',
  'limits.memory': 'Memory of the machine',
  'limits.load': 'Memory of the hub',
  'limits.descriptors': 'Open files',
  'limits.trips': 'Limits',
  'audit.chain': 'Audit log',
  'detectors.audit': 'What is written down',
  'detectors.bans': 'Bans',
  'accounts.passkeys': 'Admins',
  'login.travel': 'Travels',
};

const agentTitles: Readonly<Record<string, string>> = {
  'state.folder': 'Folder of its key',
  'state.identity': 'Enrolment',
  'agent.running': 'The agent',
  'net.proxy': 'Proxy',
  'reach.https': 'The way to the hub',
  'reach.tunnel': 'The way of the tunnel',
  'clock.offset': 'Clock, beside the hub’s',
  'net.mtu': 'Size of packets',
  'line.speed': 'Line',
  'line.bitrate': 'Films that fit',
  'origin.reachable': 'Media server',
  'origin.product': 'Which media server',
  'origin.forwarded': 'Addresses of visitors',
  'origin.login': 'Login of the media server',
  'origin.owner': 'Owner of the media server',
};
