#!/bin/sh
# A built checkout or a release arrives; a hub or an agent leaves, as a service of this Debian or Ubuntu host. `sh install.sh --help` tells how.
set -eu
umask 022

usage() {
  cat <<'TEXT'
Usage: sh infra/install.sh hub|agent [install] [options]
       sh infra/install.sh hub|agent update [options]
       sh infra/install.sh hub|agent uninstall [--purge]

  install    what is missing: Node 24, a user, folders, settings, the service. Again: nothing that is there is lost, and a service
             that runs is restarted if its settings, secrets, unit or program have changed since it began, and left alone if not
  update     backs up, puts the new version in place, restarts; goes back by itself when the new one does not become ready
  uninstall  takes program and service away, and keeps settings and data
  --from PATH       a checkout (after npm ci && npm run build), or a release: phlix-hub-*.tar.gz, phlix-agent-*.mjs; otherwise
                    where this script lies
  --set NAME=VALUE  writes a setting, for a first start without an editor; never a secret
  --no-backup       update: without a backup before
  --no-start        leaves the service alone
  --purge           uninstall: settings and data too, which nothing brings back

As root. Nothing is fetched but npm packages: those of a release, and Node where neither checkout nor host has it.
TEXT
}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$2" >&2
  exit "$1"
}
have() { command -v "$1" >/dev/null 2>&1; }

read_words() {
  what='' action=install from='' settings='' backup=yes start=yes purge=no
  while [ $# -gt 0 ]; do
    case $1 in
      hub | agent) what=$1 ;;
      install | update | uninstall) action=$1 ;;
      --from) [ $# -gt 1 ] || fail 64 '--from needs a path'; from=$2; shift ;;
      --set) [ $# -gt 1 ] || fail 64 '--set needs NAME=VALUE'; add_setting "$2"; shift ;;
      --no-backup) backup=no ;;
      --no-start) start=no ;;
      --purge) purge=yes ;;
      -h | --help) usage; exit 0 ;;
      *) fail 64 "\"$1\" is not understood; see: sh install.sh --help" ;;
    esac
    shift
  done
  [ -n "$what" ] || { usage >&2; exit 64; }
  [ -z "$settings" ] || [ "$action" = install ] || fail 64 "--set goes with install: sh install.sh $what --set ..."
}

newline='
'
# Command lines are seen by every user of the machine, and kept by shells.
add_setting() {
  case ${1%%=*} in
    *FILE) ;;
    *SECRET* | *TOKEN* | *PASSWORD* | *PASSPHRASE* | *_KEY | *DATABASE_URL | *SMTP_URL | *HEADERS)
      fail 64 "${1%%=*} is a secret: put it into a file of that name in /etc/phlix-*/secrets, see --help" ;;
  esac
  printf '%s' "$1" | grep -Eq '^(HUB|PHLIX)_[A-Z0-9_]+=' || fail 64 "\"$1\" is not NAME=VALUE"
  settings="$settings$1$newline"
}

name_places() {
  name=phlix-$what user=phlix-$what
  home=/opt/$name config=/etc/$name data=/var/lib/$name logs=/var/log/$name
  environment=$config/$what.env secrets=$config/secrets
  unit=/etc/systemd/system/$name.service dropin=/etc/systemd/system/$name.service.d
  wrapper=/usr/local/bin/$name
}

look_at_host() {
  [ "$(id -u)" = 0 ] || fail 77 "this makes users and services: run it as root, with sudo sh $0 ..."
  # shellcheck source=/dev/null
  kind=$(. /etc/os-release 2>/dev/null && printf '%s %s' "${ID:-}" "${ID_LIKE:-}") || kind=''
  case " $kind " in
    *' debian '* | *' ubuntu '*) ;;
    *) fail 69 'this host is neither Debian nor Ubuntu: use the image (Dockerfile.hub, Dockerfile.agent), or npm ci and npx' ;;
  esac
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) fail 69 "there is no build for $(uname -m), only for x86_64 and aarch64" ;;
  esac
  have useradd || fail 69 'useradd is missing: apt-get install passwd'
}

# Whether there is a systemd that runs; in a chroot or a container services are only enabled.
is_running_systemd() { [ -d /run/systemd/system ] && have systemctl; }

find_source() {
  unpacked='' bundle=''
  here=$(cd "$(dirname "$0")/.." && pwd)
  source=${from:-$here}
  case $what:$source in
    agent:*.mjs) bundle=$source source=$here ;;
    *) if [ -f "$source" ]; then unpack; fi ;;
  esac
  grep -q '"name": "phlix-hub"' "$source/package.json" 2>/dev/null ||
    fail 66 "$source is neither a checkout nor a release of Phlix Hub"
  version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$source/package.json")
  if [ "$what" = agent ]; then
    needed=${bundle:=$source/dist/agent/phlix-agent.mjs}
  else
    needed="$source/dist/hub/main.js $source/node_modules/pg/package.json"
    if [ -n "$unpacked" ] && [ ! -d "$source/node_modules" ]; then fetch_packages; fi
  fi
  for file in $needed; do
    [ -f "$file" ] || fail 66 "$file is missing: run npm ci && npm run build in that checkout, as an ordinary user"
  done
}

unpack() {
  unpacked=$(mktemp -d)
  tar -xzf "$source" -C "$unpacked" --no-same-owner || fail 65 "$source is no .tar.gz that can be read"
  source=$(dirname "$(find "$unpacked" -maxdepth 2 -name package.json | head -n 1)")
}

# A release names its packages by their hashes (package-lock.json), and npm brings them, Node 24 among them.
fetch_packages() {
  have npm || fail 69 "this release needs npm on this host: apt-get install npm, or install from a checkout that was built elsewhere"
  (cd "$source" && npm ci --omit=dev --no-audit --no-fund --loglevel=error) >&2 ||
    fail 69 'npm could not fetch the packages; look at what it says above'
}

# As new as package.json asks for.
is_fit_node() {
  least=$(sed -n 's/.*"node": ">=\([0-9.]*\)".*/\1/p' "$source/package.json")
  compared='process.exit(process.versions.node.localeCompare(process.argv[1], "en", { numeric: true }) < 0 ? 1 : 0)'
  [ -x "$1" ] && "$1" -e "$compared" "${least:-24}" 2>/dev/null
}

# The checkout's own, the host's, or npm's package with nothing but Node in it.
find_node() {
  for node in "$source/node_modules/node-linux-$arch/bin/node" "$(command -v node || true)"; do
    if is_fit_node "$node"; then return; fi
  done
  have npm || fail 69 "Node 24 is missing, and npm to fetch it: run npm ci in $source on a machine that has npm"
  fetched=$(mktemp -d)
  wanted=$(sed -n "s/.*\"node-linux-$arch\": \"\(.*\)\".*/\1/p" "$source/package.json")
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$fetched" "node-linux-$arch@$wanted" >&2 ||
    fail 69 'npm could not fetch Node 24; look at what it says above'
  node=$fetched/node_modules/node-linux-$arch/bin/node
}

# What runs, and nothing for people who write code. A folder of its own, which is moved to its place when it is whole.
stage() {
  mkdir -p "$home/releases"
  staged=$(mktemp -d "$home/releases/.staged.XXXXXX")
  mkdir "$staged/bin"
  install -m 0755 "$node" "$staged/bin/node"
  if [ "$what" = hub ]; then
    list_needed | tar -C "$source" -cf - --files-from=- | tar -C "$staged" -xf - --no-same-owner
    entry=dist/hub/main.js
  else
    mkdir -p "$staged/dist/agent"
    cp "$bundle" "$staged/dist/agent/phlix-agent.mjs"
    entry=dist/agent/phlix-agent.mjs
  fi
  for text in README.md LICENSE CHANGELOG.md THIRD-PARTY-NOTICES.txt package.json; do
    if [ -f "$source/$text" ]; then cp "$source/$text" "$staged/"; fi
  done
  # Beside its program, so that a version that is gone back to has its own.
  cp "$source/infra/systemd/$name.service" "$staged/"
  cat >"$staged/bin/$name" <<RUN
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
exec "\$here/node" "\$here/../$entry" "\$@"
RUN
  chmod -R u=rwX,go=rX "$staged"
  chmod 0755 "$staged" "$staged/bin/$name"
  "$staged/bin/$name" --version >/dev/null || fail 70 "the new $name does not run on this machine; nothing was changed"
  sum=$(cd "$staged" && find . -type f ! -name .sum -exec cksum {} + | sort -k 3 | cksum | cut -d' ' -f1)
  printf '%s\n' "$sum" >"$staged/.sum"
}

list_needed() {
  printf '%s\n' dist/hub dist/shared
  (cd "$source" && "$node" -e '
    const { existsSync, readFileSync } = require("node:fs");
    const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
    for (const [path, { dev, devOptional }] of Object.entries(packages))
      if (path && !dev && !devOptional && !/node_modules\/node-(linux|win)-/.test(path) && existsSync(path)) console.log(path);
  ')
}

# Puts the staged release in place with one rename, if it is another one. `former` is what it replaces, if there was any.
swap() {
  former=$(readlink "$home/current" 2>/dev/null || true)
  if [ -n "$former" ] && [ "$(cat "$home/$former/.sum" 2>/dev/null)" = "$sum" ]; then return 1; fi
  release=releases/$version-$(date -u +%Y%m%d%H%M%S)-$sum
  # `set -e` does not hold in what an `if` asks.
  mv "$staged" "$home/$release" || fail 73 "the new $name cannot be moved to $home/$release; nothing was changed"
  point_to "$release"
}

point_to() {
  ln -sfn "$1" "$home/.current" || fail 73 "$home/.current cannot be written; $home/current is as it was"
  mv -T "$home/.current" "$home/current" || fail 73 "$home/current cannot be replaced, and is as it was"
}

# The one that runs and the one before it.
forget_old() {
  for old in "$home"/releases/*; do
    case $old in "$home/$(readlink "$home/current")" | "$home/${former:-none}") ;; *) rm -rf "$old" ;; esac
  done
}

make_user() {
  id "$user" >/dev/null 2>&1 ||
    useradd --system --user-group --no-create-home --home-dir "$data" --shell /usr/sbin/nologin "$user"
}

make_folders() {
  install -d -m 0750 -o root -g "$user" "$config"
  install -d -m 0700 -o root -g root "$secrets"
  install -d -m 0700 -o "$user" -g "$user" "$data"
  if [ "$what" = hub ]; then install -d -m 0750 -o "$user" -g adm "$logs"; fi
}

# A file that is left as it is keeps its time of change, by which `changed_since_start` judges.
close() { [ "$(stat -c %a "$1")" = 600 ] || chmod 0600 "$1"; }
replace() { if cmp -s "$1" "$2"; then rm -f "$1"; else mv "$1" "$2"; fi; }

# Made closed, not closed afterwards.
make_environment() {
  if [ ! -e "$environment" ]; then install -m 0600 "$source/infra/systemd/$what.env" "$environment"; fi
  close "$environment"
  printf '%s' "$settings" | while IFS= read -r setting; do
    key=${setting%%=*}
    if [ "$(grep -E "^$key=" "$environment")" = "$setting" ]; then continue; fi
    (
      umask 077
      grep -Ev "^[[:space:]]*(# ?)?${key}[[:space:]]*=" "$environment" >"$environment.new" || true
      printf '%s\n' "$setting" >>"$environment.new"
    )
    mv "$environment.new" "$environment"
  done
}

# systemd hands the secrets over in a folder that the service alone can read. Its path is written out: %d, which means it, is known
# from systemd 250 on, and Debian 11 has 247, Ubuntu 22.04 has 249.
write_unit() {
  if [ -f "$home/current/$name.service" ]; then
    install -D -m 0644 "$home/current/$name.service" "$unit.new"
    replace "$unit.new" "$unit"
  fi
  mkdir -p "$dropin"
  # Only what is there now: with a name whose file is missing the service would not start.
  {
    printf '# Written by install.sh, from the files in %s.\n[Service]\n' "$secrets"
    for file in "$secrets"/*; do
      [ -f "$file" ] || continue
      close "$file"
      key=$(basename "$file")
      printf 'LoadCredential=%s:%s\nEnvironment=%s_FILE=/run/credentials/%s.service/%s\n' "$key" "$file" "$key" "$name" "$key"
    done
  } >"$dropin/secrets.conf.new"
  replace "$dropin/secrets.conf.new" "$dropin/secrets.conf"
}

# What people type: the same settings as the service, and its user.
write_wrapper() {
  cat >"$wrapper.new" <<RUN
#!/bin/sh
# phlix: $name with the settings of the service, as its user.
if [ "\$(id -u)" != 0 ]; then echo '$name: the settings are root'"'"'s to read: use sudo $name ...' >&2; exit 77; fi
eval "\$(awk '$(grep -v '^#' "$source/infra/systemd/settings.awk")' $environment)"
RUN
  if [ "$what" = hub ]; then
    cat >>"$wrapper.new" <<RUN
for file in $secrets/*; do
  if [ -f "\$file" ]; then export "\$(basename "\$file")_FILE=\$file"; fi
done
export HUB_DATA_DIR=$data HUB_USER=$user
exec $home/current/bin/$name "\$@"
RUN
  else
    cat >>"$wrapper.new" <<RUN
export PHLIX_STATE_DIR=$data
exec setpriv --reuid=$user --regid=$user --init-groups $home/current/bin/$name "\$@"
RUN
  fi
  chmod 0755 "$wrapper.new"
  mv "$wrapper.new" "$wrapper"
}

enable_service() {
  if have systemctl; then
    systemctl enable "$name.service" >/dev/null 2>&1 || fail 70 "systemctl enable $name failed"
  else
    mkdir -p /etc/systemd/system/multi-user.target.wants
    ln -sfn "$unit" "/etc/systemd/system/multi-user.target.wants/$name.service"
  fi
  if is_running_systemd; then systemctl daemon-reload; fi
}

# As the service gets them: export NAME='value'.
settings_there() { awk -f "$source/infra/systemd/settings.awk" "$environment"; }

is_configured() {
  if [ "$what" = hub ]; then key=HUB_PUBLIC_URL; else key=PHLIX_HUB_URL; fi
  settings_there | grep -q "^export $key="
}

# By somebody's wish. One that ends again and again is not.
is_stopped() { [ "$(systemctl is-active "$name.service" 2>/dev/null)" = inactive ]; }

is_ready() {
  if [ "$what" = hub ]; then "$wrapper" health --ready >/dev/null 2>&1; else "$wrapper" status >/dev/null 2>&1; fi
}

# An agent that runs without its hub, as the one before it did: no update can mend that, and none is taken back for it.
is_as_before() { [ "$away" = yes ] && "$wrapper" status --json 2>/dev/null | grep -q '"running": *true'; }

# A first start makes a database; one after an update may change its tables.
wait_until_ready() {
  left=${PHLIX_INSTALL_PATIENCE:-120}
  while [ "$left" -gt 0 ]; do
    if is_ready; then return 0; fi
    left=$((left - 1)) && sleep 1
  done
  return 1
}

restart_and_wait() { systemctl restart "$name.service" && wait_until_ready; }

shown() { LC_ALL=C TZ=UTC systemctl show "--property=$1" --value "$name.service" 2>/dev/null || true; }
is_running() { case $(shown MainPID) in '' | 0) return 1 ;; esac; }

# What the service read when it began, and reads no more until it begins again, in words; nothing where it runs with what is there.
# By the time of change, which a file that was moved here has of its own, whatever its date. systemd tells the second in which the
# service began: what was changed in it counts as read, for install.sh itself writes just before.
changed_since_start() {
  began_at=$(shown ExecMainStartTimestamp)
  # An empty date is midnight to `date`, and no mistake.
  began_at=$(date -d "${began_at:-@0}" +%s 2>/dev/null) || began_at=0
  since() {
    what_changed=$1 && shift
    for file in "$@"; do
      if [ -e "$file" ] && [ "$(stat -c %Z "$file")" -gt "$began_at" ]; then printf ' %s' "$what_changed" && return; fi
    done
  }
  {
    if [ "$swapped" = yes ]; then printf ' program'; else since program "$home/current"; fi
    since unit "$unit"
    since settings "$environment"
    since secrets "$dropin"/*.conf "$secrets"/*
  } | sed 's/^ //; s/ /, /g'
}

start_or_restart() {
  # One that ended again and again may be held back from another start.
  systemctl reset-failed "$name.service" >/dev/null 2>&1 || true
  if ! is_running; then
    systemctl start "$name.service" || return 1
  else
    changes=$(changed_since_start)
    if [ -n "$changes" ]; then
      say "Restarted for what has changed since it began: $changes."
      systemctl restart "$name.service" || return 1
    else
      say 'Left running: nothing that it reads has changed since it began.'
    fi
  fi
  wait_until_ready
}

# In the settings, where _FILE may stand behind the name, or as a file in the folder of secrets.
has_backups() {
  if settings_there | grep -Eq "^export HUB_BACKUP_(RECIPIENT|PASSPHRASE)(_FILE)?='[^' ]"; then return 0; fi
  [ -f "$secrets/HUB_BACKUP_RECIPIENT" ] || [ -f "$secrets/HUB_BACKUP_PASSPHRASE" ]
}

back_up() {
  if [ "$what" != hub ] || [ "$backup" = no ]; then return; fi
  if ! has_backups; then
    say 'No backup is made: neither HUB_BACKUP_RECIPIENT nor HUB_BACKUP_PASSPHRASE is set.' && return
  fi
  "$wrapper" backup || fail 73 'the backup before the update failed: mend it, or update with --no-backup; nothing was changed'
}

install_it() {
  find_source
  find_node
  make_user
  make_folders
  make_environment
  stage
  if swap; then
    swapped=yes
    say "$name $version is installed."
  else
    swapped=no
    say "$name $version is installed already."
  fi
  write_unit
  write_wrapper
  enable_service
  forget_old
  if [ "$start" = no ] || ! is_running_systemd; then
    say "It starts with the machine, or with: systemctl start $name"
  elif ! is_configured; then
    say "Write its settings into $environment, then: systemctl start $name"
  elif start_or_restart; then
    say 'It runs and is ready.'
  else
    say "It is started, and not ready yet: journalctl --unit $name says why."
  fi
  if [ "$what" = hub ] && [ -f "$data/setup-token" ]; then
    say "Become its admin: journalctl --unit $name | grep /setup#"
  fi
}

update_it() {
  [ -L "$home/current" ] || fail 66 "$name is not installed here: sh install.sh $what"
  find_source
  find_node
  stage
  back_up
  if [ "$what" = hub ] || is_ready; then away=no; else away=yes; fi
  began=$(mktemp)
  if ! swap; then
    say "$name $version is what is installed already." && return
  fi
  write_unit
  write_wrapper
  enable_service
  if [ "$start" = no ] || ! is_running_systemd; then
    say "$name $version is in place; it runs from the next start on."
  elif ! is_configured; then
    say "$name $version is in place. Write its settings into $environment, then: systemctl start $name"
  elif is_stopped; then
    say "$name $version is in place. The service was stopped, and stays so: systemctl start $name"
  elif restart_and_wait; then
    say "$name $version runs and is ready."
  elif is_as_before; then
    say "$name $version runs. It is not connected to its hub, as the former was not: $name status says why."
  else
    go_back
  fi
  forget_old
}

go_back() {
  [ -n "$former" ] || fail 75 "the new $name does not become ready, and there is none to go back to"
  failed=$(readlink "$home/current")
  systemctl stop "$name.service" || fail 70 "the new $name does not become ready, and cannot be stopped: systemctl status $name"
  take_tables_back
  point_to "$former"
  write_unit
  systemctl daemon-reload
  # One that ended again and again may be held back from another start.
  systemctl reset-failed "$name.service" >/dev/null 2>&1 || true
  restart_and_wait || is_as_before || fail 70 "neither the new $name nor the former becomes ready: journalctl --unit $name says why"
  fail 75 "the new $name ($failed) did not become ready, so the former one runs again: journalctl --unit $name says why"
}

# What the new version has made of the database the former one refuses, and the new one alone brings it back. It keeps a snapshot
# from before a change.
take_tables_back() {
  if [ "$what" != hub ]; then return; fi
  changed=$(find "$data/snapshots" -name '*-migration.tar.age' -newer "$began" 2>/dev/null || true)
  if [ -z "$changed" ] || "$wrapper" rollback; then return; fi
  fail 70 "the new $name did not become ready, and its change of the database cannot be taken back, for the reason above; it is stopped. \
Mend that, then: $name rollback && ln -sfn $former $home/current && systemctl start $name.service"
}

uninstall_it() {
  if is_running_systemd; then systemctl disable --now "$name.service" >/dev/null 2>&1 || true; fi
  rm -f "$unit" "$dropin/secrets.conf" "/etc/systemd/system/multi-user.target.wants/$name.service" "$wrapper"
  rmdir "$dropin" 2>/dev/null || true
  rm -rf "$home"
  if is_running_systemd; then systemctl daemon-reload; fi
  if [ "$purge" = no ]; then
    say "$name is gone. Kept: $config and $data; with --purge they go too." && return
  fi
  rm -rf "$config" "$data" "$logs"
  userdel "$user" 2>/dev/null || true
  say "$name is gone, with its settings and data."
}

# `staged` is a name in $home/releases as long as it is not in its place.
tidy() {
  rm -rf "${staged:-}" "${unpacked:-}" "${fetched:-}" "${began:-}"
}

read_words "$@"
name_places
look_at_host
trap tidy EXIT
"${action}_it"
