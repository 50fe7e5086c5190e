#!/bin/sh
# docs/install.md on a bare Debian 12, without systemd: a chroot has none, so the users and folders that systemd-sysusers and
# systemd-tmpfiles make are made by hand, and the service is started by hand. Prints "step seconds" for each step.
set -eu
cd /
begun=$(date +%s)
last=$begun
took() {
    now=$(date +%s)
    echo "STEP $1 $((now - last))"
    last=$now
}
tocsin() { setpriv --reuid tocsin --regid tocsin --init-groups env -i HOME=/var/lib/tocsin LANG=C.UTF-8 PATH=/usr/bin:/bin /opt/tocsin/tocsin "$@"; }
config=/etc/tocsin/tocsin.toml

# Set up: code of the operator's, not of the service.
su dsi -c 'cd /opt/tocsin && ./bootstrap setup' > /tmp/setup.log 2>&1
took setup

useradd --system --user-group --groups adm --home-dir /var/lib/tocsin --shell /usr/sbin/nologin tocsin
install -d -m 0700 -o tocsin -g tocsin /var/lib/tocsin /var/backups/tocsin
install -d -m 0750 -g tocsin /etc/tocsin
cat > /tmp/tocsin.toml <<'TOML'
install = "sim9"
data_dir = "/var/lib/tocsin"
estate = "/etc/tocsin/estate.toml"
[[source]]
name = "remote"
paths = ["/var/log/remote/**/*.*"]
[[sink]]
name = "journal"
kind = "file"
path = "/var/lib/tocsin/incidents.ndjson"
[console]
port = 8443
host = "127.0.0.1"
tls_cert = "/etc/tocsin/console.pem"
tls_key = "/etc/tocsin/console.key"
[backup]
dir = "/var/backups/tocsin"
[retention]
apply = true
TOML
install -m 0640 -g tocsin /tmp/tocsin.toml $config
install -m 0640 -g tocsin /opt/tocsin/deploy/estate.example.toml /etc/tocsin/estate.toml
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 397 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout /etc/tocsin/console.key -out /etc/tocsin/console.pem 2> /dev/null
chgrp tocsin /etc/tocsin/console.key && chmod 0640 /etc/tocsin/console.key
took configure

tocsin doctor --config $config > /tmp/doctor.txt || { cat /tmp/doctor.txt; exit 1; }
took doctor
# Not the function: $! would be a shell's, and the service would outlive it.
setpriv --reuid tocsin --regid tocsin --init-groups env -i HOME=/var/lib/tocsin LANG=C.UTF-8 PATH=/usr/bin:/bin \
    /opt/tocsin/tocsin run --config $config --log-level error > /tmp/run.log 2>&1 &
run=$!
trap 'kill "$run" 2> /dev/null || true; cat /tmp/run.log' EXIT
tries=0
until tocsin incidents --config $config --format json 2> /dev/null | grep -q '"number"'; do
    tries=$((tries + 1))
    [ "$tries" -lt 120 ] && kill -0 "$run" || exit 1
    sleep 1
done
took first-incident
printf '%s\n' 'une phrase de passe assez longue' | tocsin users add marie --role analyst --name "Marie" --config $config > /dev/null
/opt/tocsin/.venv/bin/python - <<'PY'
import ssl, urllib.request
page = urllib.request.urlopen("https://localhost:8443/", context=ssl.create_default_context(cafile="/etc/tocsin/console.pem"))
print("CONSOLE", page.status, "password" in page.read().decode())
PY
took console
tocsin backup --config $config > /tmp/backup.txt
tocsin restore /var/backups/tocsin --check
took backup
kill "$run"
wait "$run" || true
tocsin doctor --config $config | grep -v ^OK || true
echo "TOTAL $(($(date +%s) - begun))"
