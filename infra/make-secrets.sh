#!/bin/sh
# Makes the secrets of compose.yaml, each in a file of its own: random, once, and never over one that is there.
#
#   sudo ./make-secrets.sh          in SECRETS_DIR of .env, or ./secrets
#   sudo ./make-secrets.sh FOLDER
set -eu
cd "$(dirname "$0")"

folder=${1:-}
if [ -z "$folder" ] && [ -f .env ]; then
  # As compose reads it: what stands in quotes, or all before a comment.
  folder=$(sed -n 's/^[[:space:]]*SECRETS_DIR[[:space:]]*=[[:space:]]*//p' .env | tail -n 1 |
    sed "s/^\"\([^\"]*\)\".*/\1/; t; s/^'\([^']*\)'.*/\1/; t; s/[[:space:]]\{1,\}#.*//; s/[[:space:]]*\$//")
fi
folder=${folder:-./secrets}

# Who reads them inside the containers: the hub, PostgreSQL's image, Grafana's.
hub=8802 postgres=999 grafana=472

umask 077
mkdir -p "$folder"
chmod 0711 "$folder"

random() {
  # 32 bytes, without the characters that a URL would need escaped.
  head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

# keep NAME OWNER TEXT
keep() {
  if [ -s "$folder/$1" ]; then
    echo "$folder/$1: kept"
    return
  fi
  printf '%s' "$3" > "$folder/$1"
  echo "$folder/$1: made"
  own "$1" "$2"
}

own() {
  if [ "$(id -u)" -eq 0 ]; then
    chown "$2" "$folder/$1"
    chmod 0400 "$folder/$1"
  else
    # Nobody else can be given a file: the container's user is let in by the mode, other people of this machine are kept out by the folder.
    chmod 0444 "$folder/$1"
    chmod 0700 "$folder"
  fi
}

keep database-password "$postgres" "$(random)"
keep database-url "$hub" "postgresql://phlix_hub:$(cat "$folder/database-password")@/phlix_hub?host=/run/postgresql"
keep secret-key "$hub" "$(random)"
keep grafana-password "$grafana" "$(random)"
echo "Put $folder into your backup: without secret-key nobody can open what the database has sealed."
