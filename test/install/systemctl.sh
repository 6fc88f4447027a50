#!/bin/sh
# Words of install.sh arrive; its service is started and stopped as its unit says, on a machine without systemd.
set -eu
words=''
unit=''
property=''
for word in "$@"; do
  case $word in
    --property=*) property=${word#*=} ;;
    -*) ;;
    *.service) unit=${word%.service} ;;
    *) words=$word ;;
  esac
done
file=/etc/systemd/system/$unit.service
dropin=/etc/systemd/system/$unit.service.d/secrets.conf
pidfile=/run/$unit.pid
credentials=/run/credentials/$unit.service

value() { sed -n "s/^$1=//p" "$file" | tail -n 1; }

start() {
  if [ -f "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null; then return; fi
  user=$(value User)
  set -- PATH=/usr/bin:/bin "CREDENTIALS_DIRECTORY=$credentials"
  while IFS= read -r line; do
    case $line in [A-Z]*=*) set -- "$@" "$line" ;; esac
  done <"$(value EnvironmentFile)"
  for pair in $(sed -n 's/^Environment=//p' "$file") $(sed -n 's/^Environment=//p' "$dropin"); do
    set -- "$@" "$pair"
  done
  install -d -m 0700 -o "$user" "$credentials"
  sed -n 's/^LoadCredential=//p' "$dropin" | while IFS=: read -r key path; do
    install -m 0400 -o "$user" "$path" "$credentials/$key"
  done
  # shellcheck disable=SC2046
  setsid setpriv --reuid="$user" --regid="$user" --init-groups --inh-caps=+net_bind_service \
    --ambient-caps=+net_bind_service env -i "$@" $(value ExecStart) >>"/var/log/$unit.out" 2>&1 &
  echo $! >"$pidfile"
}

stop() {
  [ -f "$pidfile" ] || return 0
  pid=$(cat "$pidfile")
  kill -TERM "$pid" 2>/dev/null || true
  left=600
  while kill -0 "$pid" 2>/dev/null && [ "$left" -gt 0 ]; do
    left=$((left - 1))
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  rm -f "$pidfile"
}

case $words in
  start) start ;;
  show)
    if [ ! -f "$pidfile" ] || ! kill -0 "$(cat "$pidfile")" 2>/dev/null; then echo 0
    elif [ "$property" = MainPID ]; then cat "$pidfile"
    else date -u -d "@$(stat -c %Z "$pidfile")" '+%a %Y-%m-%d %H:%M:%S UTC'
    fi
    ;;
  is-active)
    if [ -f "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2>/dev/null; then echo active; else echo inactive && exit 3; fi
    ;;
  stop) stop ;;
  restart) stop && start ;;
  enable)
    mkdir -p /etc/systemd/system/multi-user.target.wants
    ln -sfn "$file" "/etc/systemd/system/multi-user.target.wants/$unit.service"
    ;;
  disable)
    stop
    rm -f "/etc/systemd/system/multi-user.target.wants/$unit.service"
    ;;
esac
